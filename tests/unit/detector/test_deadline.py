"""A batch has one deadline for all its parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from moderation.detector import batching, deadline, load_detector, reading, sessions
from moderation.detector.manifest import Precision
from moderation.detector.reading import WeightedReader
from moderation.detector.sections import Section
from moderation.errors import DetectorOverdue


class _Clock:
    """A clock that moves only where a test moves it."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


class _Slow:
    """Takes 2 s of a clock, and keeps how much of the deadline had passed at its call."""

    precision: Precision | None = None
    where = "paper"
    provider = "Paper"

    def __init__(self, clock: _Clock) -> None:
        self.spent_s = -1.0
        self._clock = clock

    def logits(self, sections: Sequence[Section], spent_s: float) -> NDArray[np.float32]:
        self.spent_s = spent_s
        self._clock.now_s += 2.0
        return np.zeros(len(sections), dtype=np.float32)


def test_time_of_one_part_counts_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock()
    monkeypatch.setattr(reading, "time", clock)
    first, second = _Slow(clock), _Slow(clock)
    WeightedReader([(1.0, first), (1.0, second)], 0.0).logits([], 7.0)
    assert (first.spent_s, second.spent_s) == (7.0, 9.0)


def test_batch_beyond_deadline_is_stopped_and_detector_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"The tram was late for the {number}th time, and nobody told us why it was so." for number in range(400)]
    detector = load_detector(threads=1, remembered_texts=0, deadline_s=240.0)
    deadline_s = 0.001  # no machine scores 400 texts in this time
    for module in (batching, sessions):
        monkeypatch.setattr(module, "run_options", lambda _given, spent_s: deadline.run_options(deadline_s, spent_s))
    with pytest.raises(DetectorOverdue, match=r"0\.001 s.*detector_deadline_s"):
        detector.score(texts)
    deadline_s = 240.0
    assert detector.score(texts[:1])[0].abstained is None
