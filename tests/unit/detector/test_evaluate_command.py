"""The evaluation that prints the released figures runs the same way on small data that we wrote."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zstandard
from typer.testing import CliRunner

from moderation.checksum import sha256_of
from moderation.errors import InputError
from moderation.lab.commands.detector import app
from moderation.lab.evaluation.detector import run
from moderation.lab.evaluation.detector.run import evaluate
from moderation.lab.textdata.rows import TextRow
from tests.unit.detector.small_text_data import RuleDetector, write_data

pytestmark = pytest.mark.slow

_SUBJECTS = ("my neighbour", "the old tram", "our coach", "this kettle", "the ferry")
_VERBS = ("broke down", "sang", "left early", "cost a fortune", "came back")
_TAILS = ("again lol", "and nobody noticed", "during the storm", "so we walked home", "before breakfast")
_NON_COMMERCIAL = 40


def _write(path: Path, rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines = []
    for number in range(rows):
        label = number % 2
        words = [str(rng.choice(options)) for options in (_SUBJECTS, _VERBS, _TAILS)]
        text = (
            " ".join(words)
            if label == 0
            else f"It is important to note that {words[0]} {words[1]}. In conclusion, yes."
        )
        source, licence = ("ours", "permissive") if number < rows - _NON_COMMERCIAL else ("theirs", "cc-by-nc-sa")
        row = {"id": f"{seed}-{number}", "source": source, "label": label, "group": f"g{seed}-{number // 4}"}
        lines.append(json.dumps({**row, "lic": licence, "text": f"{text} {number}"}))
    path.write_bytes(zstandard.compress("\n".join(lines).encode()))


def _arguments(tmp_path: Path) -> list[str]:
    """Write data of two licences, and return the arguments that judge the shipped bundle on them."""
    _write(tmp_path / "text_train.jsonl.zst", 240 + _NON_COMMERCIAL, 1)
    _write(tmp_path / "text_dev.jsonl.zst", 120 + _NON_COMMERCIAL, 2)
    manifest = tmp_path / "manifest.json"
    files = {name: sha256_of(tmp_path / name) for name in ("text_train.jsonl.zst", "text_dev.jsonl.zst")}
    manifest.write_text(json.dumps({"files": files}), encoding="utf-8")
    data = ["--data", str(tmp_path), "--data-manifest", str(manifest)]
    return ["evaluate", *data, "--out", str(tmp_path / "figures.json"), "--changed-texts", "5"]


def test_evaluate_prints_and_writes_figures_with_their_n(tmp_path: Path) -> None:
    page = tmp_path / "figures.html"  # beside the figures, where --report says nothing else
    result = CliRunner().invoke(app, _arguments(tmp_path), catch_exceptions=False)
    assert result.exit_code == 0
    assert result.output.index("False-positive rate") < result.output.index("Within each source")
    report = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    figures = report["results"]["detector"]["within_source"]["ours"]
    assert (figures["humans"], figures["machines"]) == (60, 60)
    assert figures["tpr_at_1_percent"] == "not supported (n=60)"
    assert 0.5 < figures["auroc"] <= 1
    assert report["results"].keys() == {"detector", "baseline: word 1-2-gram TF-IDF with logistic regression"}
    assert report["results"]["detector"]["worst_pool"]["n"] == 60
    (everybody,) = (row for row in report["people"]["groups"] if row["kind"] == "all")
    assert (everybody["n"], everybody["fpr_at_5_percent"]) == (80, 0.05)
    assert {row["change"] for row in report["markup"]} >= {"link at the end", "hashtag inside", "HTML paragraph"}
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_rows_whose_licence_forbids_weights_are_measured_and_not_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[set[str]] = []

    def baseline(training: list[TextRow], texts: list[str]) -> np.ndarray:
        trained.append({row.source for row in training})
        return np.arange(len(texts), dtype=np.float64)

    monkeypatch.setattr(run, "baseline_scores", baseline)
    CliRunner().invoke(app, _arguments(tmp_path), catch_exceptions=False)
    report = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert [set(result["within_source"]) for result in report["results"].values()] == [{"ours", "theirs"}] * 2
    assert (report["rows"], trained) == (160, [{"ours"}])


def test_a_page_that_cannot_be_written_is_refused_before_any_text_is_read(tmp_path: Path) -> None:
    page = tmp_path / "nowhere" / "page.html"
    arguments = ["evaluate", "--data", str(tmp_path), "--out", str(tmp_path / "figures.json"), "--report", str(page)]
    with pytest.raises(InputError, match=r"Cannot write .*page\.html .*; name a file in an existing directory"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert not list(tmp_path.iterdir())


def test_training_rows_that_are_missing_are_told_before_any_text_is_scored(tmp_path: Path) -> None:
    manifest, detector = write_data(tmp_path, "forum"), RuleDetector(len)
    (tmp_path / "text_train.jsonl.zst").unlink()
    with pytest.raises(InputError, match=r"Cannot read .*text_train\.jsonl\.zst"):
        evaluate(tmp_path, detector, lambda _done, _total: None, manifest)
    assert not detector.asked


@pytest.mark.parametrize("abstains", [False, True])
def test_data_without_a_source_of_both_labels_are_refused_at_once_unless_abstentions_make_them_so(
    tmp_path: Path, abstains: bool
) -> None:
    manifest = write_data(tmp_path, "forum", machines=30 if abstains else 0, humans=30)
    detector = RuleDetector(lambda text: float("nan") if "The end of" in text else 0.0)
    with pytest.raises(InputError, match="has texts of both labels"):
        evaluate(tmp_path, detector, lambda _done, _total: None, manifest)
    assert bool(detector.asked) == abstains
