"""A call that outlasts the deadline is repeated on fewer texts; the size that fitted is kept and grows again."""

from __future__ import annotations

from collections.abc import Sequence

from moderation.detector import ContentScore
from moderation.errors import DetectorOverdue
from moderation.stream.split_scoring import SplitScoring
from tests.unit.core.doubles import WordDetector


class Counting(WordDetector):
    """Keeps the size of each call; more than `most` texts outlast the deadline."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.calls: list[int] = []

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        self.calls.append(len(texts))
        if len(texts) > self.most:
            raise DetectorOverdue("too long")
        return super().score(texts, languages)


def score(scoring: SplitScoring, texts: list[str]) -> int:
    """Number of scores; all of them."""
    scores, overdue = scoring.score(texts, [None] * len(texts))
    assert overdue is None
    return len(scores)


def test_split_scoring_within_the_deadline_makes_one_call() -> None:
    detector = Counting(100)
    assert score(SplitScoring(detector), ["a walk"] * 16) == 16
    assert detector.calls == [16]


def test_split_scoring_halves_until_it_fits_and_tries_twice_as_many_in_the_next_batch() -> None:
    detector = Counting(4)
    scoring = SplitScoring(detector)
    texts = [f"walk {number}" for number in range(16)]
    assert score(scoring, texts) == 16
    assert detector.calls == [16, 8, 4, 4, 4, 4]
    assert detector.texts == texts
    detector.most, detector.calls = 100, []
    assert [score(scoring, texts), score(scoring, texts)] == [16, 16]
    assert detector.calls == [8, 8, 16]


def test_split_scoring_of_one_text_that_never_fits_returns_the_scores_before_it() -> None:
    class Stuck(Counting):
        def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
            if "stuck" in texts:
                raise DetectorOverdue("too long")
            return super().score(texts, languages)

    scores, overdue = SplitScoring(Stuck(100)).score(["a", "b", "stuck", "c"], [None] * 4)
    assert len(scores) == 2
    assert isinstance(overdue, DetectorOverdue)
