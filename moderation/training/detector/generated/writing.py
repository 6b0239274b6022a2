"""The writing itself: prompts in batches through a causal model, each batch the same for the same seed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from moderation.errors import InputError
from moderation.training.detector.generated.prompts import CONTINUED, SAMPLINGS, Prompt, copies

_IN_A_BATCH = 48
_TURN_BEGINS, _TURN_ENDS = "<|im_start|>", "<|im_end|>"
# A text that was cut off ends with its last whole sentence where that keeps so much of it.
_WHOLE_SENTENCES_KEEP = 0.6
_SENTENCE_END = re.compile(r"[.!?…][\"')\]]*(?=\s)")
_LEAST_CHARACTERS = 20


@dataclass(frozen=True)
class Writer:
    """A causal network with its tokenizer, the token that begins a document, and a *name* for the generator."""

    network: nn.Module
    tokenizer: Tokenizer
    first_id: int
    name: str

    def chats(self) -> bool:
        """Say whether the model knows turns of a chat; one that does not is only asked to go on."""
        return None not in (self.tokenizer.token_to_id(_TURN_BEGINS), self.tokenizer.token_to_id(_TURN_ENDS))

    def ids_of(self, prompt: Prompt) -> list[int]:
        """Return the tokens that the model is given; what stands in a post never becomes a control token."""
        if not prompt.instruction:
            return [self.first_id, *self._ids(prompt.text)]
        begins, ends = (self.tokenizer.token_to_id(sign) for sign in (_TURN_BEGINS, _TURN_ENDS))
        assert begins is not None, "only a model that chats is asked"
        assert ends is not None
        asked = [begins, *self._ids(f"user\n{prompt.instruction}"), ends, *self._ids("\n")]
        return [*asked, begins, *self._ids("assistant\n")]

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def write(self, prompts: Sequence[Prompt], seed: int) -> list[tuple[str, bool]]:
        """Return what is written to each of *prompts*, which share one sampling, and whether it came to its end."""
        given = [self.ids_of(prompt) for prompt in prompts]
        longest = max(len(ids) for ids in given)
        end = self.tokenizer.token_to_id(_TURN_ENDS)
        ends = sorted({self.first_id, *([] if end is None else [end])})
        ids = torch.full((len(given), longest), ends[0])
        mask = torch.zeros_like(ids)
        for row, some in enumerate(given):
            ids[row, longest - len(some) :] = torch.tensor(some)
            mask[row, longest - len(some) :] = 1
        torch.manual_seed(seed)
        network: Any = self.network
        with torch.inference_mode():
            out = network.generate(
                input_ids=ids,
                attention_mask=mask,
                do_sample=True,
                max_new_tokens=max(prompt.most_tokens for prompt in prompts),
                eos_token_id=ends,
                pad_token_id=ends[0],
                **SAMPLINGS[prompts[0].sampling],
            )
        return [
            self._text(prompt, tokens[longest:].tolist(), set(ends))
            for prompt, tokens in zip(prompts, out, strict=True)
        ]

    def _text(self, prompt: Prompt, tokens: Sequence[int], ends: set[int]) -> tuple[str, bool]:
        stop = next((place for place, token in enumerate(tokens) if token in ends), len(tokens))
        whole = stop <= min(prompt.most_tokens, len(tokens) - 1)
        written = self.tokenizer.decode(list(tokens[: min(stop, prompt.most_tokens)]), skip_special_tokens=True)
        return (f"{prompt.text}{written}" if prompt.kind == CONTINUED else written).strip(), whole


def write_texts(writer: Writer, prompts: Sequence[Prompt], out: Path, seed: int, advance: Callable[[int], None]) -> int:
    """Write a JSON line to *out* for each prompt whose answer can be used, and return how many there are.

    The lines of a run that was stopped stay, without those of its last batch. *advance* is told of prompts done.
    Raises InputError where nothing is left to ask.
    """
    if not writer.chats():
        prompts = [prompt for prompt in prompts if prompt.kind == CONTINUED]
    if not prompts:
        raise InputError("No post is long enough to begin a text with; use more data.")
    kept = _lines_of_whole_batches(out)
    done = max((int(line["batch"]) for line in kept), default=-1)
    written = len(kept)
    out.write_text("".join(f"{json.dumps(line)}\n" for line in kept), encoding="ascii")
    with out.open("a", encoding="ascii") as file:
        for number, batch in enumerate(_batches(prompts)):
            if number > done:
                answers = writer.write(batch, seed * 1_000_003 + number)
                lines = [_line(number, writer.name, *one) for one in zip(batch, answers, strict=True)]
                usable = [line for line in lines if line is not None]
                file.write("".join(f"{json.dumps(line)}\n" for line in usable))
                file.flush()
                written += len(usable)
            advance(len(batch))
    return written


def _batches(prompts: Sequence[Prompt]) -> Iterator[list[Prompt]]:
    """Prompts that are sampled alike, and are and get about as long, so that no short one waits for a long one."""
    alike = sorted(prompts, key=lambda one: (one.sampling, one.instruction != "", one.most_tokens, one.row.id))
    begin = 0
    while begin < len(alike):
        batch = [p for p in alike[begin : begin + _IN_A_BATCH] if p.sampling == alike[begin].sampling]
        yield batch
        begin += len(batch)


def _line(batch: int, generator: str, prompt: Prompt, answer: tuple[str, bool]) -> dict[str, Any] | None:
    text, whole = answer
    if not whole:
        text = _whole_sentences(text)
    if len(text) < _LEAST_CHARACTERS or copies(prompt, text):
        return None
    return {
        "id": f"generated/{prompt.row.id}",
        "source": prompt.row.source,
        "group": prompt.row.group,
        "generator": generator,
        "kind": prompt.kind,
        "sampling": prompt.sampling,
        "batch": batch,
        "text": text,
    }


def _whole_sentences(text: str) -> str:
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends and ends[-1] >= _WHOLE_SENTENCES_KEEP * len(text) else text


def _lines_of_whole_batches(path: Path) -> list[dict[str, Any]]:
    """The lines in *path* but those of the last batch, which may have been interrupted."""
    lines: list[dict[str, Any]] = []
    if path.is_file():
        for line in path.read_text(encoding="ascii", errors="replace").splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                break
    last = max((int(line["batch"]) for line in lines), default=-1)
    return [line for line in lines if int(line["batch"]) < last]
