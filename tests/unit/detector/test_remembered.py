"""Scores of repeated texts come from a bounded cache."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from moderation.detector import load_detector
from moderation.detector.onnx_detector import OnnxDetector
from moderation.detector.remembered import ScoreCache
from moderation.detector.scores import RawScore, SectionScore
from moderation.detector.sections import Section
from moderation.detector.shipped import SHIPPED

_CAMPAIGN = "Our new course changed my mornings, my evenings and my whole way of looking at shoes."
_OTHER = "The bus was late again and so was I."


class CountingReader:
    """Reads nothing; counts the sections that it is asked for."""

    precision = None
    where = "nowhere"
    provider = "none"

    def __init__(self) -> None:
        self.sections = 0

    def logits(self, sections: Sequence[Section], _spent_s: float) -> NDArray[np.float32]:
        """The number of tokens of each."""
        self.sections += len(sections)
        return np.array([len(section.ids) for section in sections], dtype=np.float32)


def _counted(monkeypatch: pytest.MonkeyPatch, remembered_texts: int) -> tuple[OnnxDetector, CountingReader]:
    detector = load_detector(SHIPPED, threads=1, remembered_texts=remembered_texts)
    assert isinstance(detector, OnnxDetector)
    reader = CountingReader()
    monkeypatch.setattr(detector, "_reader", reader)
    return detector, reader


def test_repeated_text_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    detector, reader = _counted(monkeypatch, 10)
    first = detector.score([_CAMPAIGN, _OTHER, _CAMPAIGN])
    again = detector.score([_OTHER, _CAMPAIGN])
    assert reader.sections == 2
    assert again == [first[1], first[0]]


def test_cache_of_size_zero_stores_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    detector, reader = _counted(monkeypatch, 0)
    detector.score([_CAMPAIGN])
    detector.score([_CAMPAIGN])
    assert reader.sections == 2


def _score(sections: int) -> RawScore:
    return RawScore(0.5, tuple(SectionScore(0, 1, 0.5) for _ in range(sections)), sections, False)


def test_least_recently_used_score_is_evicted() -> None:
    cache = ScoreCache(2)
    for key in (b"a", b"b"):
        cache.put(key, _score(1))
    assert cache.get(b"a") is not None
    cache.put(b"c", _score(1))
    assert cache.get(b"b") is None
    assert cache.get(b"a") is not None
    assert cache.get(b"c") is not None


def test_score_with_many_sections_is_not_cached() -> None:
    cache = ScoreCache(2)
    cache.put(b"long", _score(150))
    assert cache.get(b"long") is None
