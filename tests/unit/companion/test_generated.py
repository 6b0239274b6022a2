"""A language model writes beside people's posts, resumably, and a detector is trained on what it wrote besides."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from export.causal.checkpoint import load_causal
from moderation.cli.companion import app
from moderation.errors import InputError, SettingsError
from moderation.training.detector.batches import tokenise
from moderation.training.detector.generated.prompts import (
    CONTINUED,
    SAMPLINGS,
    Prompt,
    copies,
    people_asked,
    prompts_of,
)
from moderation.training.detector.generated.rows import generated_rows
from moderation.training.detector.generated.writing import Writer, write_texts
from moderation.training.detector.leave_out.folds import source_folds, with_generated
from moderation.training.detector.loop import TrainingPlan, train_on
from moderation.training.detector.rows import TextRow
from moderation.training.detector.slices import in_validation
from tests.unit.detector.small_encoders import BERT_TOKENS, rows_of, small_bert, tokenizer_with
from tests.unit.detector.small_text_data import row

_ROWS = [
    row(number, "people", 0, " ".join(f"w{260 + (number + step) % 40}" for step in range(12))) for number in range(60)
]


@pytest.fixture(scope="module")
def writer(llama: Path) -> Writer:
    loaded = load_causal(llama, 32)
    return Writer(loaded.network, loaded.tokenizer, loaded.first_id, "small")


def _nothing(_texts: int) -> None: ...


def _lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


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


def test_what_stands_in_a_post_never_becomes_a_control_token(writer: Writer) -> None:
    prompt = Prompt(_ROWS[0], CONTINUED, "a <|endoftext|> b", "", "T=1", 12)
    assert writer.ids_of(prompt).count(writer.first_id) == 1


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


def test_an_interrupted_run_gives_the_texts_of_one_that_was_not(writer: Writer, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    prompts = prompts_of(_ROWS, 1)
    write_texts(writer, prompts, whole, 1, _nothing)
    text = whole.read_text(encoding="ascii")
    cut.write_text(text[: int(len(text) * 0.6)], encoding="ascii")
    write_texts(writer, prompts, cut, 1, _nothing)
    assert cut.read_text(encoding="ascii") == text
    write_texts(writer, prompts, whole, 1, _nothing)
    assert whole.read_text(encoding="ascii") == text


def test_nothing_to_ask_with_is_told(writer: Writer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="long enough"):
        write_texts(writer, [], tmp_path / "none.jsonl", 1, _nothing)


def test_written_texts_are_the_machines_side_of_the_source_they_were_asked_from(writer: Writer, tmp_path: Path) -> None:
    out = tmp_path / "generated.jsonl"
    write_texts(writer, prompts_of(_ROWS, 1), out, 1, _nothing)
    rows = generated_rows(out)
    assert {(each.source, each.label, each.generator) for each in rows} == {("people", 1, "small")}
    assert {each.group for each in rows} <= {each.group for each in _ROWS}
    of_people, of_both = (tokenise([*_ROWS, *more], tokenizer_with(BERT_TOKENS)) for more in ([], rows))
    assert (len(of_people.strata), len(of_both.strata)) == (1, 2)


@pytest.mark.parametrize(
    ("content", "told"),
    [("", "no texts"), ("{}\n", "Line 1 .*anew"), ("no json\n", "Line 1 .*anew"), ("ü", "is no file")],
)
def test_a_file_that_holds_something_else_is_refused_in_a_sentence(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "generated.jsonl"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=told):
        generated_rows(path)
    with pytest.raises(InputError, match="companion generate"):
        generated_rows(tmp_path / "missing.jsonl")


def test_a_fold_trains_on_written_texts_that_nothing_tested_has_to_do_with() -> None:
    rows = rows_of({"ours": (20, 20), "theirs": (20, 20), "people": (20, 0)})
    fold = next(fold for fold in source_folds(rows, 20) if fold.left_out == "ours")
    people = next(each for each in rows if each.source == "people")
    free = replace(people, id="free", label=1)
    of_tested_source = replace(free, id="source", source="ours")
    of_tested_group = replace(free, id="group", group=fold.test[0].group)
    more = with_generated(fold, [free, of_tested_source, of_tested_group])
    assert more.train == (*fold.train, free)
    assert more.test == fold.test


def test_a_run_with_written_texts_is_not_continued_without(tmp_path: Path) -> None:
    start = small_bert(tmp_path / "start")
    rows: list[TextRow] = rows_of({"ours": (20, 20)})
    plan = TrainingPlan(steps=2, batch_texts=8, warmup_steps=1, checkpoint_every=1, generated="a" * 64)
    train_on(rows, (), tmp_path / "run", start, plan, torch.device("cpu"))
    with pytest.raises(SettingsError, match="generated="):
        train_on(rows, (), tmp_path / "run", start, replace(plan, steps=3, generated=""), torch.device("cpu"))


def test_the_command_writes_texts_and_says_where_there_is_no_folder(llama: Path, tmp_path: Path) -> None:
    out = tmp_path / "nowhere" / "generated.jsonl"
    result = CliRunner().invoke(app, ["generate", str(llama), "--data", str(tmp_path), "--out", str(out)])
    assert isinstance(result.exception, InputError)
    assert "no folder" in str(result.exception)
