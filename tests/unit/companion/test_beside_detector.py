"""A companion is credited with what it adds to a detector within a source, on groups that no fit saw."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from moderation import detector as detectors
from moderation.cli.companion import app
from moderation.detector import companion as companions
from moderation.detector.companion import FEATURES, CompanionScore, ZeroShotFeatures
from moderation.errors import InputError
from moderation.training.detector.beside_detector import beside_detector
from moderation.training.detector.rows import TextRow
from tests.unit.companion.checkpoints import TEXTS
from tests.unit.detector.small_text_data import RuleDetector, row

_NAMES = {"detector", "zero-shot", "detector+zero-shot"}


def _rows(source: str = "forum", count: int = 400) -> list[TextRow]:
    return [row(number, source, number % 2, "") for number in range(count)]


def _labels(rows: list[TextRow]) -> NDArray[np.float64]:
    return np.array([each.label for each in rows], dtype=np.float64)


def _noise(rows: list[TextRow], width: int = len(FEATURES)) -> NDArray[np.float64]:
    return np.random.default_rng(3).normal(size=(len(rows), width))


def test_figures_that_know_what_the_detector_does_not_are_a_gain() -> None:
    rows = _rows()
    features = _noise(rows)
    logits = features[:, 5] + 1.5 * _labels(rows)
    features[:, 0] += 1.5 * _labels(rows)
    features[:, 5] = 0.0
    report = beside_detector(rows, logits, features)
    assert report["texts"] == 400
    assert report["means"].keys() == _NAMES
    both = report["means"]["detector+zero-shot"]
    low, high = both["auroc_minus_detector_interval"]
    assert 0 < low < both["auroc_minus_detector"] < high
    assert both["auroc"] > max(report["means"][part]["auroc"] for part in ("detector", "zero-shot")) + 0.04
    assert report["means"]["detector"]["auroc_minus_detector"] == 0


def test_figures_without_meaning_are_no_gain_though_they_fit_the_texts_fitted() -> None:
    rows = _rows(count=120)
    logits = np.random.default_rng(8).normal(size=len(rows)) + 2 * _labels(rows)
    report = beside_detector(rows, logits, _noise(rows))
    assert abs(report["means"]["zero-shot"]["auroc"] - 0.5) < 0.12
    assert report["means"]["detector+zero-shot"]["auroc_minus_detector_interval"][0] < 0


def test_texts_of_one_group_are_never_on_both_sides_of_a_fit() -> None:
    # A group's texts are alike in figures that mean nothing elsewhere: known from a fit, they would give it away.
    rng = np.random.default_rng(6)
    rows = [replace(each, group=f"g{number // 8}", label=number // 8 % 2) for number, each in enumerate(_rows())]
    features = np.repeat(rng.normal(size=(50, len(FEATURES))), 8, axis=0)
    report = beside_detector(rows, rng.normal(size=len(rows)), features)
    assert report["means"]["zero-shot"]["auroc"] < 0.65


def test_what_differs_between_sources_is_no_gain() -> None:
    people, machines = _rows("people", 300), _rows("bots", 300)
    people = [replace(each, label=int(number % 10 == 0)) for number, each in enumerate(people)]
    machines = [replace(each, label=int(number % 10 > 0)) for number, each in enumerate(machines)]
    rows = [*people, *machines]
    features = _noise(rows)
    features[300:, 0] += 5
    logits = np.random.default_rng(8).normal(size=len(rows)) + 2 * _labels(rows)
    report = beside_detector(rows, logits, features)
    assert report["means"]["detector+zero-shot"]["auroc_minus_detector_interval"][0] < 0
    assert set(report["sources"]) == {"people", "bots"}


def test_texts_on_which_one_abstains_and_sources_of_one_label_are_left_out() -> None:
    rows = [*_rows(), *[replace(each, label=1) for each in _rows("bots", 30)]]
    logits, features = _labels(rows), _noise(rows)
    logits[0], features[1] = math.nan, math.nan
    report = beside_detector(rows, logits, features)
    assert (report["texts"], report["left_out_because_one_abstains"]) == (398, 2)
    assert set(report["sources"]) == {"forum"}
    with pytest.raises(InputError, match="No source of the texts has both labels"):
        beside_detector(rows[400:], logits[400:], features[400:])


class _Lengths:
    """A companion whose figures tell nothing but lengths."""

    def score(self, texts: Sequence[str]) -> list[CompanionScore]:
        figures = {name: [float(len(text) % (place + 3)) for text in texts] for place, name in enumerate(FEATURES)}
        return [
            CompanionScore(
                ZeroShotFeatures(**{name: figures[name][at] for name in FEATURES[:-1]}, n_tokens=9), (), False
            )
            for at in range(len(texts))
        ]

    def describe(self) -> str:
        return "lengths"


def test_the_command_judges_beside_a_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = RuleDetector(lambda text: float(len(text) % 7))
    monkeypatch.setattr(detectors, "load_detector", lambda bundle: rule)
    monkeypatch.setattr(companions, "load_companion", lambda bundle, threads: _Lengths())
    lines = [
        {"text": f"{text} {'w' * (number // 3)}", "label": number % 2, "source": "forum", "group": f"g{number}"}
        for number, text in enumerate(TEXTS * 6)
    ]
    file, out = tmp_path / "heldout.jsonl", tmp_path / "judged.json"
    file.write_text("\n".join(map(json.dumps, [*lines, {"text": "a b c d e", "label": 0, "source": "mail"}])))
    arguments = ["judge", str(file), "--companion", str(tmp_path)]
    done = CliRunner().invoke(app, [*arguments, "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["means"].keys() == _NAMES
    assert (report["texts"], report["detector"], report["companion"]) == (72, "a rule", "lengths")
    assert rule.asked == [line["text"] for line in lines], "texts of a source of one label are not scored"
    refused = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "none" / "judged.json")])
    assert isinstance(refused.exception, InputError)
    assert "in a folder that exists" in str(refused.exception)
