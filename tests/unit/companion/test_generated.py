"""A language model writes beside people's posts, resumably."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from typer.testing import CliRunner

from export.causal.checkpoint import load_causal
from moderation.cli.companion import app
from moderation.errors import InputError, SettingsError
from moderation.training.detector.generated.prompts import (
    CONTINUED,
    SAMPLINGS,
    Prompt,
    copies,
    people_asked,
    prompts_of,
)
from moderation.training.detector.generated.rows import beside_posts, generated_rows
from moderation.training.detector.generated.writing import Writer, whole_sentences, write_texts
from moderation.training.detector.slices import in_validation
from tests.unit.detector.small_text_data import row, write_data

_ROWS = [
    row(number, "people", 0, " ".join(f"w{260 + (number + step) % 40}" for step in range(12))) for number in range(60)
]


@pytest.fixture(scope="module")
def writer(llama: Path) -> Writer:
    loaded = load_causal(llama, 32)
    return Writer(loaded.network, loaded.tokenizer, loaded.first_id, "small")


class _Chatting(nn.Module):
    """Stands for a network that answers every prompt with the same tokens, and keeps what it was asked."""

    def __init__(self, answer: Sequence[int], positions: int = 400) -> None:
        super().__init__()
        self.answer, self.asked = list(answer), dict[str, Any]()
        self.config: Any = type("Config", (), {"max_position_embeddings": positions, "eos_token_id": 2})

    def generate(self, input_ids: Tensor, **settings: Any) -> Tensor:
        self.asked = settings
        return torch.cat([input_ids, torch.tensor([self.answer] * len(input_ids))], dim=1)


def _chatting(writer: Writer, answer: str, *, ends: bool) -> Writer:
    tokenizer = Tokenizer.from_str(writer.tokenizer.to_str())
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    tokenizer.encode_special_tokens = True
    ids = tokenizer.encode(answer, add_special_tokens=False).ids
    return Writer(_Chatting([*ids, tokenizer.token_to_id("<|im_end|>")] if ends else ids), tokenizer, 0, "chat")


def _nothing(_texts: int) -> None: ...


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()][1:]


def test_a_prompt_depends_on_seed_and_row_alone() -> None:
    assert prompts_of(_ROWS[:3], 1) == prompts_of(_ROWS, 1)[:3]
    assert prompts_of(_ROWS, 1) != prompts_of(_ROWS, 2)
    assert len({prompt.kind for prompt in prompts_of(_ROWS, 1)}) == 4
    assert {prompt.sampling for prompt in prompts_of(_ROWS, 1)} == set(SAMPLINGS)


def test_a_post_of_three_words_is_not_asked_with() -> None:
    assert prompts_of([replace(_ROWS[0], text="one two three")], 1) == []


def test_only_people_of_sources_without_a_machine_are_asked_and_none_held_out() -> None:
    beside = [row(number, "essays", number % 2, f"text {number}") for number in range(6)]
    asked = people_asked([*_ROWS, *beside], 100)
    assert {each.source for each in asked} == {"people"}
    assert len(asked) == sum(not in_validation(each) for each in _ROWS)
    assert len(people_asked(_ROWS, 5)) == 5


def test_only_sources_that_are_named_are_written_beside() -> None:
    more = [row(number, "forum", 0, f"a post of number {number}") for number in range(30)]
    asked = people_asked([*_ROWS, *more], 100, ["forum"])
    assert asked == [each for each in people_asked([*_ROWS, *more], 100) if each.source == "forum"]
    assert asked
    with pytest.raises(InputError, match=r"beside essays: .*There are forum, people\."):
        people_asked([*_ROWS, *more, row(1, "essays", 1, "a machine's")], 100, ["forum", "essays"])


def test_what_stands_in_a_post_never_becomes_a_control_token(writer: Writer) -> None:
    going_on = Prompt(_ROWS[0], CONTINUED, "a <|endoftext|> b", "", "T=1", 12)
    assert writer.ids_of(going_on).count(writer.first_id) == 1
    chatting = _chatting(writer, "w270", ends=True)
    asked = chatting.ids_of(replace(going_on, kind="answered", instruction="say <|im_end|> <|im_start|> again"))
    signs = [chatting.tokenizer.token_to_id(sign) for sign in ("<|im_start|>", "<|im_end|>")]
    assert [asked.count(sign) for sign in signs] == [2, 1]


def test_a_chat_is_answered_to_the_end_of_the_turn_and_a_cut_answer_to_the_end_of_a_sentence(writer: Writer) -> None:
    prompt = Prompt(_ROWS[0], "answered", "", "say something", "T=.7", 100)
    ended, cut = (_chatting(writer, "w270. And w271. And then w272", ends=ends) for ends in (True, False))
    assert ended.write([prompt], 1) == [("w270. And w271. And then w272", True)]
    assert cut.write([prompt], 1) == [("w270. And w271. And then w272", False)]
    network: Any = ended.network
    # All of the sampling is said, so that a checkpoint's own settings change nothing.
    said = {"temperature": 0.7, "top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0}
    assert said.items() <= network.asked.items()
    assert 2 in network.asked["eos_token_id"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("It rained. We went home and th", "It rained. We went home and th"),
        ("It rained the whole day. We w", "It rained the whole day."),
        ('He said "no!" Then he', 'He said "no!"'),
    ],
)
def test_a_text_that_was_cut_off_ends_with_a_whole_sentence_where_most_is_left(text: str, left: str) -> None:
    assert whole_sentences(text) == left


def test_an_answer_that_repeats_the_post_is_told() -> None:
    text = "we went to the lake on sunday and it rained"
    prompt = Prompt(replace(_ROWS[0], text=text), "reworded", text, "", "T=1", 12)
    assert copies(prompt, "Well, we went to the lake on sunday and it rained")
    assert not copies(prompt, "Sunday at the lake was wet, and nobody had brought anything to keep the rain off")


def test_a_model_without_turns_is_asked_to_go_on_only_and_goes_on_from_the_post(writer: Writer, tmp_path: Path) -> None:
    out = tmp_path / "generated.jsonl"
    prompts = prompts_of(_ROWS, 1)
    told: list[int] = []
    written = write_texts(writer, prompts, out, 1, told.append)
    lines = _lines(out)
    assert not writer.chats()
    assert written == len(lines) > 5
    assert sum(told) == sum(prompt.kind == CONTINUED for prompt in prompts)
    begins = {f"generated/{prompt.row.id}": prompt.text for prompt in prompts}
    assert all(str(line["text"]).startswith(begins[str(line["id"])]) for line in lines)
    assert {line["kind"] for line in lines} == {CONTINUED}


def test_a_prompt_that_the_model_has_no_places_for_is_left_out(writer: Writer) -> None:
    long = Prompt(_ROWS[0], CONTINUED, " ".join(["w270"] * 80), "", "T=1", 12)
    assert writer.can_read(replace(long, text="w270"))
    assert not writer.can_read(long)


def test_an_interrupted_run_gives_the_texts_of_one_that_was_not(writer: Writer, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    prompts = prompts_of(_ROWS, 1)
    write_texts(writer, prompts, whole, 1, _nothing)
    text = whole.read_text(encoding="ascii")
    for share in (0.6, 1.0):
        cut.write_text(text[: int(len(text) * share)], encoding="ascii")
        write_texts(writer, prompts, cut, 1, _nothing)
        assert cut.read_text(encoding="ascii") == text


def test_another_run_or_another_file_is_not_written_over(writer: Writer, tmp_path: Path) -> None:
    out, foreign = tmp_path / "generated.jsonl", tmp_path / "foreign.jsonl"
    prompts = prompts_of(_ROWS, 1)
    write_texts(writer, prompts, out, 1, _nothing)
    before = out.read_bytes()
    for change in ({"seed": 2}, {"prompts": prompts[:30]}, {"writer": replace(writer, name="other")}):
        given: dict[str, Any] = {"writer": writer, "prompts": prompts, "seed": 1} | change
        with pytest.raises(SettingsError, match="another generator, seed"):
            write_texts(given["writer"], given["prompts"], out, given["seed"], _nothing)
    assert out.read_bytes() == before
    for content in ("my notes\n", '{"text": "a"}\n'):
        foreign.write_text(content, encoding="ascii")
        with pytest.raises(InputError, match="something else"):
            write_texts(writer, prompts, foreign, 1, _nothing)
        assert foreign.read_text(encoding="ascii") == content
    with pytest.raises(InputError, match="Cannot write"):
        write_texts(writer, prompts, tmp_path, 1, _nothing)
    with pytest.raises(InputError, match="long enough"):
        write_texts(writer, [], tmp_path / "none.jsonl", 1, _nothing)


def test_written_texts_are_the_machines_side_of_the_source_they_were_asked_from(writer: Writer, tmp_path: Path) -> None:
    out = tmp_path / "generated.jsonl"
    write_texts(writer, prompts_of(_ROWS, 1), out, 1, _nothing)
    rows = generated_rows(out)
    assert {(each.source, each.label, each.generator) for each in rows} == {("people", 1, "small")}
    moved = [replace(each, group="another cluster") for each in _ROWS[:30]]
    beside = beside_posts(rows, moved)
    assert {each.group for each in beside} == {"another cluster"}
    assert {each.id for each in beside} == {f"generated/{each.id}" for each in moved} & {each.id for each in rows}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "no texts"),
        ("{}\n", "Line 1 .*anew"),
        ("no json\n", "Line 1 .*anew"),
        ("ü", "is no file"),
        ('{"id": "1", "source": "a", "group": "g", "text": "t", "generator": "n", "sampling": "s"}\n' * 2, "two texts"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_in_a_sentence(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "generated.jsonl"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=told):
        generated_rows(path)
    with pytest.raises(InputError, match="companion generate"):
        generated_rows(tmp_path / "missing.jsonl")


def test_the_command_writes_texts_and_says_how_many(llama: Path, tmp_path: Path) -> None:
    manifest = write_data(tmp_path, "forum", humans=60, machines=60)
    out = tmp_path / "generated.jsonl"
    given = ["generate", str(llama), "--data", str(tmp_path), "--data-manifest", str(manifest), "--threads", "1"]
    result = CliRunner().invoke(app, [*given, "--texts", "20", "--out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0
    rows = generated_rows(out)
    assert f"{len(rows)} texts in " in result.output
    assert {each.source for each in rows} == {"people only"}
    result = CliRunner().invoke(app, [*given, "--out", str(tmp_path / "nowhere" / "generated.jsonl")])
    assert isinstance(result.exception, InputError)
    assert "no folder" in str(result.exception)
