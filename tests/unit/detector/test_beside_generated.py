"""A detector, and every fold of a comparison, can be trained on what a language model wrote besides."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from moderation.checksum import sha256_of
from moderation.cli.detector import app
from moderation.errors import SettingsError
from moderation.training.detector.batches import tokenise
from moderation.training.detector.leave_out import comparison
from moderation.training.detector.leave_out.folds import Fold, source_folds, with_generated
from moderation.training.detector.loop import TrainingPlan, train_on
from moderation.training.detector.rows import TextRow
from tests.unit.detector.small_encoders import BERT_TOKENS, rows_of, small_bert, tokenizer_with

_ROWS = rows_of({"ours": (20, 20), "theirs": (20, 20), "people": (20, 0)})
_WRITTEN = replace(
    next(each for each in _ROWS if each.source == "people"), id="generated/free", label=1, generator="lm"
)


def test_a_source_of_people_gets_a_machines_side() -> None:
    alone, beside = (tokenise([*_ROWS, *more], tokenizer_with(BERT_TOKENS)) for more in ([], [_WRITTEN]))
    assert (len(alone.strata), len(beside.strata)) == (5, 6)


def test_a_fold_trains_on_written_texts_that_nothing_left_out_has_to_do_with() -> None:
    fold = next(fold for fold in source_folds(_ROWS, 5) if fold.left_out == "ours")
    of_tested_source = replace(_WRITTEN, id="source", source="ours")
    groups = {each.group for each in _ROWS if each.source == "ours"} - {each.group for each in fold.test}
    of_group_left_out = replace(_WRITTEN, id="group", group=sorted(groups)[0])
    more = with_generated(fold, [_WRITTEN, of_tested_source, of_group_left_out], _ROWS)
    assert more.train == (*fold.train, _WRITTEN)
    assert more.test == fold.test


def test_no_text_of_a_generator_that_is_left_out_is_trained_on() -> None:
    fold = Fold("generator", "gpt2", tuple(_ROWS[:4]), tuple(each for each in _ROWS if each.source == "ours"))
    of_family = replace(_WRITTEN, id="family", generator="gpt2-117M")
    assert with_generated(fold, [_WRITTEN, of_family], _ROWS).train == (*fold.train, _WRITTEN)


def test_a_run_with_written_texts_is_not_continued_without(tmp_path: Path) -> None:
    start = small_bert(tmp_path / "start")
    rows: list[TextRow] = rows_of({"ours": (20, 20)})
    plan = TrainingPlan(steps=2, batch_texts=8, warmup_steps=1, checkpoint_every=1, generated="a" * 64)
    train_on(rows, (), tmp_path / "run", start, plan, torch.device("cpu"))
    with pytest.raises(SettingsError, match="generated="):
        train_on(rows, (), tmp_path / "run", start, replace(plan, steps=3, generated=""), torch.device("cpu"))


def test_a_comparison_says_which_texts_it_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "load_training_rows", lambda _data, _manifest, *, all_rows: _ROWS)
    post = next(each.id for each in _ROWS if each.source == "people")
    told = {"source": "people", "generator": "lm", "sampling": "T=1", "group": "g", "text": "w40 w41 w42"}
    written, figures = tmp_path / "generated.jsonl", tmp_path / "figures.json"
    lines = ['{"run": {}}', *(json.dumps({"id": f"generated/{of}", **told}) for of in (post, "a post of part B"))]
    written.write_text("\n".join(lines), encoding="ascii")
    given = ["--data", str(tmp_path), "--out", str(figures), "--candidate", "words", "--leave", "source"]
    training_rows = []
    for more in ([], ["--generated", str(written)]):
        done = CliRunner().invoke(app, ["compare", *given, *more], catch_exceptions=False)
        assert done.exit_code == 0
        report = json.loads(figures.read_text(encoding="utf-8"))
        training_rows.append([fold["training_rows"] for fold in report["folds"]])
    assert [after - before for before, after in zip(*training_rows, strict=True)] == [1, 1]
    assert report["generated"] == {"texts": 1, "generators": ["lm"], "sha256": sha256_of(written)}
