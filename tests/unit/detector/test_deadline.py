"""A batch has one deadline, whatever reads in it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from moderation.detector import load_detector
from moderation.detector.manifest import Precision
from moderation.detector.reading import WeightedReader
from moderation.detector.sections import Section
from moderation.errors import DetectorOverdue


class _Slow:
    """Takes a while, and keeps how much of the deadline had passed when it was asked."""

    precision: Precision | None = None
    where = "paper"
    provider = "Paper"

    def __init__(self) -> None:
        self.spent_s = -1.0

    def logits(self, sections: Sequence[Section], spent_s: float) -> NDArray[np.float32]:
        self.spent_s = spent_s
        time.sleep(0.1)
        return np.zeros(len(sections), dtype=np.float32)


def test_what_one_part_took_counts_against_the_next() -> None:
    first, second = _Slow(), _Slow()
    WeightedReader([(1.0, first), (1.0, second)], 0.0).logits([], 7.0)
    assert 7.0 <= first.spent_s < 7.1
    assert second.spent_s >= first.spent_s + 0.1


def test_a_batch_that_outlasts_its_deadline_is_ended_and_the_detector_goes_on() -> None:
    texts = [f"The tram was late for the {number}th time, and nobody told us why it was so." for number in range(400)]
    detector = load_detector(threads=1, remembered_texts=0, deadline_s=0.05)
    with pytest.raises(DetectorOverdue, match=r"0\.05 s.*detector_deadline_s"):
        detector.score(texts)
    assert detector.score(texts[:1])[0].abstained is None
