"""From a logit to a probability: the band that fits best, by length and by declared language."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest

from moderation.detector import shipped_detector
from moderation.detector.calibration import primary_subtag, probability
from moderation.detector.manifest import Band, Calibration, read_manifest
from moderation.detector.older_formats import in_current_format
from moderation.errors import BundleError

_TABLE = Calibration(
    method="by hand",
    fitted_on="nothing",
    bands=(
        Band(over_tokens=0, up_to_tokens=20, language="de", slope=1.0, intercept=math.log(4)),
        Band(over_tokens=0, up_to_tokens=20, slope=1.0, intercept=math.log(3)),
        Band(over_tokens=80, up_to_tokens=None, slope=1.0, intercept=-math.log(3)),
        Band(up_to_tokens=None, slope=2.0, intercept=0.0),
    ),
)


@pytest.mark.parametrize(
    ("n_tokens", "language", "logit", "by_hand"),
    [
        (20, "de", 0.0, 4 / 5),
        (20, "de-AT", 0.0, 4 / 5),
        (20, "DE_de", 0.0, 4 / 5),
        (20, "fr", 0.0, 3 / 4),
        (20, None, 0.0, 3 / 4),
        (20, "und", 0.0, 3 / 4),
        (21, "de", math.log(2), 4 / 5),
        (21, None, math.log(2), 4 / 5),
        (80, None, -math.log(2), 1 / 5),
        (81, None, 0.0, 1 / 4),
        (100_000, "de", 0.0, 1 / 4),
    ],
)
def test_length_and_language_come_first_then_length_then_all_lengths(
    n_tokens: int, language: str | None, logit: float, by_hand: float
) -> None:
    assert probability(_TABLE, logit, n_tokens, language) == pytest.approx(by_hand)


@pytest.mark.parametrize(("logit", "by_hand"), [(5000.0, 1.0), (-5000.0, 0.0)])
def test_an_extreme_logit_has_a_probability(logit: float, by_hand: float) -> None:
    assert probability(_TABLE, logit, 50) == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("tag", "language"),
    [("pt-BR", "pt"), ("EN", "en"), ("zh_Hant_TW", "zh"), ("und", None), ("", None), (" ", None), (None, None)],
)
def test_the_primary_subtag_of_a_tag_is_its_language(tag: str | None, language: str | None) -> None:
    assert primary_subtag(tag) == language


def test_a_calibration_that_leaves_a_length_out_is_refused() -> None:
    with pytest.raises(ValueError, match="no band for texts of 21 tokens"):
        Calibration(method="", fitted_on="", bands=(Band(up_to_tokens=20, slope=1.0, intercept=0.0),))
    with pytest.raises(ValueError, match="no band for texts of 1 tokens"):
        Calibration(method="", fitted_on="", bands=(Band(up_to_tokens=None, language="de", slope=1.0, intercept=0.0),))


def _of_format_1(bands: list[dict[str, object]]) -> dict[str, object]:
    calibration = {"method": "m", "fitted_on": "f", "bands": bands}
    return {"format_version": 1, "precisions": {"int8": {}, "fp32": {}}, "calibration": calibration}


def test_bands_of_format_1_each_begin_where_the_one_before_ends_and_serve_every_precision() -> None:
    bands: list[dict[str, object]] = [
        {"up_to_tokens": 20, "slope": 1.0, "intercept": 0.0},
        {"up_to_tokens": 40, "slope": 1.0, "intercept": 2.0},
    ]
    converted = in_current_format(_of_format_1(bands))
    assert "calibration" not in converted
    for precision in ("int8", "fp32"):
        calibration = Calibration.model_validate(converted["precisions"][precision]["calibration"])
        found = [probability(calibration, 0.0, n_tokens) for n_tokens in (1, 20, 21, 40, 41, 1000)]
        assert found == pytest.approx([0.5, 0.5, *[1 / (1 + math.exp(-2))] * 4])


def _in_format_1(folder: Path, calibration: object) -> Path:
    """A copy of the shipped bundle as format 1 would have said it: without what later ones brought."""
    copy = Path(shutil.copytree(shipped_detector(), folder / "copy"))
    content = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    for name in ("pooling", "least_tokens", "length_curve", "ngrams", "scripts"):
        content.pop(name, None)
    content |= {"format_version": 1, "calibration": calibration}
    (copy / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    return copy


def test_a_bundle_of_format_1_reads_as_one_that_pools_by_the_mean_and_never_finds_a_text_too_short(
    tmp_path: Path,
) -> None:
    bands = [{"up_to_tokens": None, "slope": 3.0, "intercept": 0.5, "rows": 7}]
    manifest, _ = read_manifest(_in_format_1(tmp_path, {"method": "m", "fitted_on": "f", "bands": bands}))
    assert (manifest.least_tokens, manifest.scripts) == (1, ())
    assert manifest.pooling.rule == "token-weighted mean"
    (band,) = manifest.precisions["int8"].calibration.bands
    assert (band.over_tokens, band.language, band.slope, band.rows) == (0, None, 3.0, 7)


@pytest.mark.parametrize("broken", [None, {}, {"bands": []}, {"bands": [3]}, {"bands": "all"}])
def test_a_calibration_of_format_1_that_is_none_is_refused_with_a_sentence(tmp_path: Path, broken: object) -> None:
    with pytest.raises(BundleError, match="export the bundle again"):
        read_manifest(_in_format_1(tmp_path, broken))
