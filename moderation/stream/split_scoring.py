"""Scores texts in several calls where the deadline of the detector requires it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from moderation.detector import ContentScore, Detector
from moderation.errors import DetectorOverdue

log = logging.getLogger(__name__)


class SplitScoring:
    """Calls the detector on fewer texts at a time where it did not finish before its deadline.

    A call beyond the deadline is repeated on half of its texts, down to one. The size that succeeded is used for the
    next batch and doubled after it, so that a slow phase does not take a deadline for each batch.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._at_once: int | None = None
        self.on_wait: Callable[[], None] = lambda: None
        """Called after each call to the detector, as a sign of progress."""

    def score(
        self, texts: Sequence[str], languages: Sequence[str | None]
    ) -> tuple[list[ContentScore], DetectorOverdue | None]:
        """Return the scores in order, and the error of the text where they end early."""
        scores: list[ContentScore] = []
        while len(scores) < len(texts):
            begin = len(scores)
            end = min(len(texts), begin + (self._at_once or len(texts)))
            try:
                scores += self._detector.score(texts[begin:end], languages[begin:end])
            except DetectorOverdue as overdue:
                if end - begin == 1:
                    return scores, overdue
                self._at_once = (end - begin) // 2
                log.warning(
                    "scoring %d texts took longer than detector_deadline_s; trying %d at once",
                    end - begin,
                    self._at_once,
                )
            self.on_wait()
        if self._at_once is not None:
            self._at_once = 2 * self._at_once if 2 * self._at_once < len(texts) else None
        return scores, None
