"""A bundle of n-grams only scores texts without an encoder and has all properties of a detector."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.bundle import BundleOrder, LabelledText, write_bundle
from moderation.checksum import sha256_of
from moderation.detector import Detector, load_detector
from moderation.detector.manifest import FORMAT_VERSION, read_manifest
from moderation.errors import BundleError
from tests.unit.detector.fitted_ngrams import PLAN, WORD_PLAN, fit_written_ngrams, write_probes
from tests.unit.detector.written_rows import written_text

_POSTS = (
    "our coach left early so we walked home",
    "It is important to note that the ferry sang. In conclusion, yes.",
    "the old tram broke down before breakfast, " * 60,
    "ok",
    "日本のフェリー 🙂",
)
_LONGEST_S = 60.0
"""Processor time, with room for a slow machine: hostile texts would take hours if time were not linear."""


@pytest.fixture(scope="module", params=[PLAN, WORD_PLAN], ids=["characters", "words"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fallback")
    fit_written_ngrams(folder / "run", request.param)
    rng = np.random.default_rng(11)
    texts = tuple(LabelledText(written_text(rng, n % 2, "forum", 5000 + n), n % 2) for n in range(240))
    order = BundleOrder("fallback", ("int8",), probes=write_probes(folder / "probes.json"), texts=texts)
    return write_bundle(folder / "run", folder / "bundle", order)


@pytest.fixture(scope="module")
def detector(bundle: Path) -> Detector:
    return load_detector(bundle, threads=2, remembered_texts=0)


def _changed(bundle: Path, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    copy = Path(shutil.copytree(bundle, folder / "copy"))
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    change(manifest)
    (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return copy


def test_ngram_bundle_scores_texts(bundle: Path, detector: Detector) -> None:
    assert {path.name for path in bundle.iterdir()} == {"manifest.json", "ngrams.onnx"}
    human, machine = detector.score(_POSTS[:2])
    assert machine.logit > human.logit
    assert machine.probability > 0.5 > human.probability
    assert human.n_tokens == 8, "words and signs are counted as tokens"
    assert machine.n_tokens == 15


def test_a_score_does_not_depend_on_its_neighbours(detector: Detector) -> None:
    together = [score.logit for score in detector.score(_POSTS)]
    alone = [detector.score([text])[0].logit for text in _POSTS]
    assert together == alone


def test_long_text_is_split_into_sections_of_600_characters(detector: Detector) -> None:
    (score,) = detector.score([_POSTS[2]])
    sections = score.sections
    assert sections[0].start == 0
    assert sections[-1].end == len(_POSTS[2].strip())
    assert {section.end - section.start for section in sections} == {600}
    assert all(left.end - right.start >= 150 for left, right in pairwise(sections))
    assert score.logit == pytest.approx(np.mean([section.logit for section in sections]), abs=1e-5)


@pytest.mark.parametrize("text", ["", " \n", "\u200b\u2060", "\x00\x00"])
def test_text_empty_after_normalisation_abstains(detector: Detector, text: str) -> None:
    (score,) = detector.score([text])
    assert math.isnan(score.logit)
    assert score.sections == ()


@pytest.mark.parametrize(
    "text",
    ["e\u0301\u0316" * 200_000, "🙂" * 100_000, "a\x00b" * 300_000, "a\ud800b\udfff" * 1000, "x" * 1_000_000, "z"],
    ids=["1 MB of combining marks", "100k emoji", "NULs", "lone surrogates", "1 MB of a letter", "one letter"],
)
def test_hostile_text_is_scored_in_bounded_time(detector: Detector, text: str) -> None:
    began = time.process_time()
    (score,) = detector.score([text])
    assert time.process_time() - began < _LONGEST_S
    assert score.abstained in ("short", "empty") or (math.isfinite(score.logit) and 0 <= score.probability <= 1)


def test_description_has_precision_and_device(bundle: Path, detector: Detector) -> None:
    part = read_manifest(bundle)[0].ngrams
    assert part is not None
    kind = {"characters": "character", "words": "word"}[part.unit]
    assert f"at {kind} n-grams on the CPU, each section alone on 2 threads" in detector.describe()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda manifest: manifest.update(ngrams=None), "needs precisions or ngrams"),
        (lambda manifest: manifest["ngrams"].update(calibration=None), "ngrams.calibration is required"),
        (lambda manifest: manifest.update(format_version=FORMAT_VERSION + 1), f"this version reads {FORMAT_VERSION}"),
        (lambda manifest: manifest["ngrams"].update(unit="sentences"), "ngrams.unit"),
        (lambda manifest: manifest["ngrams"].update(weight_encoder=0.5), "weight_encoder"),
        (lambda manifest: manifest["ngrams"].update(weight_ngrams=-1.0), "weight_ngrams"),
        (lambda manifest: manifest["ngrams"].update(offset=math.nan), "offset"),
        (lambda manifest: manifest["ngrams"].update(max_characters=0), "max_characters"),
        (lambda manifest: manifest["files"].pop("ngrams.onnx"), "has no hash of"),
        (lambda manifest: manifest["probes"].clear(), "lacks probe texts of a label"),
        (
            lambda manifest: [probe.update(label=1 - probe["label"]) for probe in manifest["probes"]],
            "contradict the polarity",
        ),
        (lambda manifest: manifest["probes"][0]["token_ids"].pop(), "normalisation has changed"),
        (
            lambda manifest: manifest.update(
                precisions={
                    "int8": {
                        "file": "ngrams.onnx",
                        "batch_independent": False,
                        "parity": _PARITY,
                        "calibration": manifest["ngrams"]["calibration"],
                    }
                }
            ),
            "needs tokenizer",
        ),
    ],
)
def test_invalid_manifest_is_refused(
    bundle: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        load_detector(_changed(bundle, tmp_path, change))


_PARITY = {"texts": 1, "largest_logit_difference": 0.0, "mean_logit_difference": 0.0}


def test_a_graph_that_onnxruntime_cannot_run_is_refused(bundle: Path, tmp_path: Path) -> None:
    copy = _changed(bundle, tmp_path, lambda _: None)
    (copy / "ngrams.onnx").write_bytes(b"no graph")
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"]["ngrams.onnx"] = sha256_of(copy / "ngrams.onnx")
    (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(BundleError, match="cannot run"):
        load_detector(copy)
