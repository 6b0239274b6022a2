"""The writing itself: prompts in batches through a causal model, each batch the same for the same seed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from moderation.errors import InputError, SettingsError
from moderation.training.detector.generated.prompts import CONTINUED, SAMPLINGS, Prompt, copies
from moderation.training.detector.generated.rows import PREFIX, begins_a_run

_IN_A_BATCH = 48
_TURN_BEGINS, _TURN_ENDS = "<|im_start|>", "<|im_end|>"
# A text that was cut off ends with its last whole sentence where that keeps so much of it. A mark at the very cut may
# stand in the middle of something: an ellipsis, a number.
_WHOLE_SENTENCES_KEEP = 0.6
_SENTENCE_END = re.compile(r"[.!?…][\"')\]]*(?=\s)")
_LEAST_CHARACTERS = 20
# Nothing is left to what a checkpoint would choose: the name of a sampling says all of it.
_NEUTRAL = {"top_p": 1.0, "typical_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.0, "no_repeat_ngram_size": 0}


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

    def can_read(self, prompt: Prompt) -> bool:
        """Say whether the model has places for the prompt and all that may be written to it."""
        config: Any = self.network.config
        return len(self.ids_of(prompt)) + prompt.most_tokens <= int(config.max_position_embeddings)

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
        ends = self._ends()
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
                **_NEUTRAL | SAMPLINGS[prompts[0].sampling],
            )
        return [
            self._text(prompt, tokens[longest:].tolist(), ends) for prompt, tokens in zip(prompts, out, strict=True)
        ]

    def _ends(self) -> list[int]:
        """What ends a text: the token between documents, what the checkpoint calls its end, and the end of a turn."""
        config: Any = self.network.config
        own = config.eos_token_id
        turn = self.tokenizer.token_to_id(_TURN_ENDS)
        ends = {self.first_id, *(own if isinstance(own, list) else [own]), turn}
        return sorted(end for end in ends if isinstance(end, int))

    def _text(self, prompt: Prompt, tokens: Sequence[int], ends: Sequence[int]) -> tuple[str, bool]:
        stop = next((place for place, token in enumerate(tokens) if token in ends), len(tokens))
        whole = stop <= min(prompt.most_tokens, len(tokens) - 1)
        # Together with what it goes on from: a decoder may drop the blank before the first word.
        read = self._ids(prompt.text) if prompt.kind == CONTINUED else []
        written = self.tokenizer.decode([*read, *tokens[: min(stop, prompt.most_tokens)]], skip_special_tokens=True)
        return written.strip(), whole


def write_texts(writer: Writer, prompts: Sequence[Prompt], out: Path, seed: int, advance: Callable[[int], None]) -> int:
    """Write a JSON line to *out* for each prompt whose answer can be used, and return how many there are.

    The lines of a run that was stopped stay, without those of its last batch. *advance* is told of prompts done.
    Raises InputError where nothing is left to ask and for a file that is none of this command's, SettingsError for one
    of another run.
    """
    asked = [prompt for prompt in prompts if prompt.kind == CONTINUED or writer.chats()]
    batches = list(_batches([prompt for prompt in asked if writer.can_read(prompt)]))
    if not batches:
        raise InputError("No post is long enough to begin a text with; use more data.")
    run = json.dumps({"run": {"generator": writer.name, "seed": seed, "prompts": _digest(batches)}})
    kept = _lines_of_whole_batches(out, run)
    done = max((int(line["batch"]) for line in kept), default=-1)
    written = len(kept)
    fresh = out.with_name(f"{out.name}.new")
    fresh.write_text("".join(f"{line}\n" for line in (run, *map(json.dumps, kept))), encoding="ascii")
    fresh.replace(out)
    with out.open("a", encoding="ascii") as file:
        for number, batch in enumerate(batches):
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


def _digest(batches: Sequence[Sequence[Prompt]]) -> str:
    digest = hashlib.sha256()
    for prompt in (prompt for batch in batches for prompt in batch):
        parts = (prompt.row.id, prompt.text, prompt.instruction, prompt.sampling, str(prompt.most_tokens))
        digest.update("\0".join((*parts, "\n")).encode("utf-8", "replace"))
    return digest.hexdigest()


def _line(batch: int, generator: str, prompt: Prompt, answer: tuple[str, bool]) -> dict[str, Any] | None:
    text, whole = answer
    if not whole:
        text = whole_sentences(text)
    if len(text) < _LEAST_CHARACTERS or copies(prompt, text):
        return None
    return {
        "id": f"{PREFIX}{prompt.row.id}",
        "source": prompt.row.source,
        "group": prompt.row.group,
        "generator": generator,
        "kind": prompt.kind,
        "sampling": prompt.sampling,
        "batch": batch,
        "text": text,
    }


def whole_sentences(text: str) -> str:
    """Return *text* without its last sentence, which was cut off, where most of it is left then."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends and ends[-1] >= _WHOLE_SENTENCES_KEEP * len(text) else text


def _lines_of_whole_batches(path: Path, run: str) -> list[dict[str, Any]]:
    """The lines in *path* but those of the last batch, which may have been interrupted."""
    try:
        first, *rest = path.read_text(encoding="ascii", errors="replace").splitlines() if path.exists() else [run]
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror}; give another --out.") from error
    except ValueError:
        raise InputError(f"{path} is empty and no run to continue: remove it, or give another --out.") from None
    if not begins_a_run(first):
        raise InputError(f"{path} holds something else than generated texts: give another --out.")
    if first != run:
        raise SettingsError(
            f"The run in {path} was begun with another generator, seed, number of texts or data: go on with these, or "
            "in another --out."
        )
    lines: list[dict[str, Any]] = []
    for line in rest:
        try:
            lines.append(json.loads(line))
        except ValueError:
            break  # what an interruption left half written
    last = max((int(line["batch"]) for line in lines), default=-1)
    return [line for line in lines if int(line["batch"]) < last]
