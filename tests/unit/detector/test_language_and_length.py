"""Declared languages change the probability only; the detector abstains on short texts and other scripts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from moderation.detector import load_detector
from moderation.detector.manifest import Band, Calibration, Precision
from moderation.detector.onnx_detector import OnnxDetector
from moderation.detector.sections import Section
from moderation.detector.shipped import SHIPPED

_TEXT = "The bus was late again and so was I."
_BANDS = (
    Band(up_to_tokens=20, language="de", slope=1.0, intercept=-3.0),
    Band(up_to_tokens=None, slope=1.0, intercept=0.0),
)


class TokensReader:
    """Gives the number of tokens of a section, with the special ones, and counts sections."""

    precision: Precision | None = "int8"
    where = "paper"
    provider = "Paper"

    def __init__(self) -> None:
        self.sections = 0

    def logits(self, sections: Sequence[Section], _spent_s: float) -> NDArray[np.float32]:
        self.sections += len(sections)
        return np.array([len(section.ids) for section in sections], dtype=np.float32)


def _detector(
    least_tokens: int = 1, provider: str | None = None, scripts: tuple[str, ...] = ()
) -> tuple[OnnxDetector, TokensReader]:
    shipped = load_detector(SHIPPED, threads=1)
    assert isinstance(shipped, OnnxDetector)
    calibration = Calibration(method="by hand", fitted_on="nothing", provider=provider, bands=_BANDS)
    entry = shipped.manifest.precisions["int8"].model_copy(update={"calibration": calibration})
    changes = {"precisions": {"int8": entry}, "least_tokens": least_tokens, "scripts": scripts}
    reader = TokensReader()
    cutter = shipped._cutter
    manifest = shipped.manifest.model_copy(update=changes)
    return OnnxDetector(manifest, "0" * 64, cutter, reader, remembered_texts=10), reader


def test_declared_language_changes_probability_only() -> None:
    detector, reader = _detector()
    none, german, austrian, french = detector.score([_TEXT] * 4, [None, "de", "de-AT", "fr"])
    assert {none.logit, german.logit, austrian.logit, french.logit} == {none.logit}
    assert none.probability == french.probability == pytest.approx(1 / (1 + math.exp(-none.logit)))
    assert german.probability == austrian.probability == pytest.approx(1 / (1 + math.exp(3 - none.logit)))
    assert reader.sections == 1


def test_cached_score_is_calibrated_per_language() -> None:
    detector, reader = _detector()
    (german,) = detector.score([_TEXT], ["de"])
    (undeclared,) = detector.score([_TEXT])
    (again,) = detector.score([_TEXT], ["de"])
    assert reader.sections == 1
    assert again == german
    assert undeclared.probability > german.probability
    assert undeclared.sections == german.sections


def test_languages_need_one_entry_per_text() -> None:
    detector, _ = _detector()
    with pytest.raises(ValueError, match="zip"):
        detector.score([_TEXT, _TEXT], ["de"])


def test_text_below_minimum_length_is_not_scored() -> None:
    detector, reader = _detector(least_tokens=5)
    short, enough, empty = detector.score(["one two three four", "one two three four five", ""])
    assert reader.sections == 1
    assert (short.abstained, short.sections, short.n_tokens) == ("short", (), 4)
    assert math.isnan(short.logit)
    assert math.isnan(short.probability)
    assert (enough.abstained, enough.n_tokens, len(enough.sections)) == (None, 5, 1)
    assert (empty.abstained, empty.n_tokens) == ("empty", 0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Автобус опять опоздал, и я вместе с ним.", "script"),
        ("昨日、姉と市場に行ってトマトを買った。", "script"),
        ("أمس ذهبت إلى السوق مع أختي", "script"),
        ("Русский text with more Latin letters than Cyrillic", None),
        ("naïve café, Łódź, Đà Nẵng", None),
        ("12:45 -> 13:10 (+25) 🙂🙂", None),
        ("", "empty"),
    ],
)
def test_text_in_another_script_is_not_scored(text: str, why: str | None) -> None:
    detector, reader = _detector(scripts=("LATIN",))
    for _ in range(2):  # the second time from memory
        (score,) = detector.score([text], ["ru"])
        assert score.abstained == why
        assert math.isnan(score.logit) == math.isnan(score.probability) == (why is not None)
    assert reader.sections == (why is None)
    assert "scores Latin letters only" in detector.describe()


def test_bundle_without_scripts_scores_every_script() -> None:
    detector, _ = _detector()
    assert detector.score(["Автобус опять опоздал"])[0].abstained is None
    assert "letters" not in detector.describe()


def test_cached_abstention_stays_an_abstention() -> None:
    detector, _ = _detector(least_tokens=5)
    detector.score(["one two"])
    (again,) = detector.score(["one two"], ["de"])
    assert again.abstained == "short"


def test_description_has_minimum_length_and_calibration() -> None:
    assert "abstains below 5 tokens" in _detector(least_tokens=5)[0].describe()
    assert "abstains" not in _detector()[0].describe()
    assert "calibrated on scores of Another" in _detector(provider="Another")[0].describe()
    assert "calibrated" not in _detector(provider="Paper")[0].describe()
