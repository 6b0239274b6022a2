"""Properties of the shipped detector for any text."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from moderation.detector import Detector, load_detector
from moderation.detector.manifest import read_manifest
from moderation.detector.pooling import pooled
from moderation.detector.shipped import SHIPPED
from moderation.lab.attacks import BENIGN, BenignSuite
from tests.unit.detector.hostile import HOSTILE
from tests.unit.detector.peak_memory import peak_of

_FIGURES = Path(__file__).parents[3] / "docs" / "benchmarks" / "detector-dev.json"
_POSTS = (
    "is it just me or does the 7am train smell like burnt toast every single day",
    "It is important to note that there are several factors to consider when choosing a solution. " * 12,
    "ok",
    "We moved the whole garden over in one weekend, and my back will never forgive me for it.",
    "Überraschung! Der Zug fährt heute wirklich pünktlich ab.",
    "yes",
)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector(threads=2, remembered_texts=0)


def test_score_is_independent_of_the_batch(detector: Detector) -> None:
    together = detector.score(_POSTS)
    backwards = detector.score(_POSTS[::-1])[::-1]
    for post, one, other in zip(_POSTS, together, backwards, strict=True):
        alone = detector.score([post])[0]
        assert alone.logit == pytest.approx(one.logit, abs=1e-4, nan_ok=True)
        assert alone.logit == pytest.approx(other.logit, abs=1e-4, nan_ok=True)
    assert [score.abstained for score in together] == [None, None, "short", None, None, "short"]


def test_a_repeated_text_gets_one_score(detector: Detector) -> None:
    first, second, third = detector.score([_POSTS[0], _POSTS[3], _POSTS[0]])
    assert first == third
    assert first != second


@pytest.mark.parametrize("text", ["", "   \n", "\u200b\u200c\u2060", "\x00\x00", "\ufe0f"])
def test_an_empty_text_abstains(detector: Detector, text: str) -> None:
    (score,) = detector.score([text])
    assert math.isnan(score.logit)
    assert math.isnan(score.probability)
    assert score.sections == ()


def test_peak_memory_includes_freed_memory() -> None:
    large = peak_of(lambda: np.ones(64 << 20, dtype=np.uint8).sum())[1]
    small = peak_of(lambda: np.ones(1 << 20, dtype=np.uint8).sum())[1]
    assert small < 32 << 20 <= 60 << 20 < large


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_scored_in_bounded_time_and_memory(detector: Detector, text: str) -> None:
    detector.score(_POSTS)  # what the sessions take once is not the text's
    began = time.process_time()
    (score,), taken = peak_of(lambda: detector.score([text]))
    assert time.process_time() - began < 60
    assert taken < 256 << 20
    assert score.abstained in ("short", "empty") or (math.isfinite(score.logit) and 0 <= score.probability <= 1)
    assert score.truncated == (len(text.encode("utf-8", "replace")) > 65536)


@pytest.mark.parametrize("bank", BENIGN, ids=lambda bank: bank.name)
def test_unusual_human_texts_score_as_in_the_card(detector: Detector, bank: BenignSuite) -> None:
    figures = json.loads(_FIGURES.read_text(encoding="utf-8"))
    assert figures["manifest_sha256"] == detector.manifest_hash
    (published,) = (row for row in figures["benign"]["banks"] if row["name"] == bank.name)
    scores = detector.score(bank.texts(figures["plan"]["seed"], published["n"]))
    threshold = figures["results"]["detector"]["threshold_for_1_percent_of_all_humans"]
    share = sum(score.abstained is None and score.logit > threshold for score in scores) / published["n"]
    assert share == pytest.approx(published["share"], abs=0.02)  # another processor rounds int8 otherwise
    assert share < 0.08  # code and verses are the worst, see the card


def test_no_texts_give_no_scores(detector: Detector) -> None:
    assert detector.score([]) == []


def test_sections_have_offsets_and_give_the_score(detector: Detector) -> None:
    (score,) = detector.score([_POSTS[1]])
    assert len(score.sections) >= 2
    assert score.sections[0].start == 0
    assert score.sections[-1].end == len(_POSTS[1].strip())
    logits = [section.logit for section in score.sections]
    assert pooled(read_manifest(SHIPPED)[0].pooling.rule, np.array(logits), np.ones(len(logits))) == (
        pytest.approx(score.logit, abs=1e-3)
    )
    assert not score.truncated


def test_manifest_has_required_information() -> None:
    manifest, manifest_hash = read_manifest(SHIPPED)
    assert load_detector(threads=1).manifest_hash == manifest_hash
    assert manifest.licence == "Apache-2.0"
    assert "NOTICE" in manifest.files
    assert manifest.training["data_sets"]
    assert not any("-nc" in entry["licence"] for entry in manifest.training["data_sets"])
    assert manifest.precisions["int8"].calibration.bands[-1].up_to_tokens is None


def test_bundle_size_is_bounded() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= 28_000_000


def test_description_has_precision_and_device(detector: Detector) -> None:
    assert "int8 on the CPU, each section alone on 2 threads" in detector.describe()


def test_scoring_never_imports_torch() -> None:
    code = (
        "import sys; from moderation.detector import load_detector; load_detector(threads=1).score(['a text']);"
        "sys.exit(int(any(name in sys.modules for name in ('torch', 'transformers', 'sklearn'))))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
