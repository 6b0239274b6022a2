"""Logits of the texts that were seen last: campaigns repeat themselves, and a logit depends on its text alone."""

from __future__ import annotations

import threading
from collections import OrderedDict

from moderation.detector.scores import RawScore

_MOST_SECTIONS = 8
"""A longer text is not remembered: with it the memory would not be bounded by the number of texts."""


class RememberedScores:
    """The scores of up to *texts* texts by content hash, the longest unused forgotten first; at most 2 kB each.

    They are kept before calibration, which also depends on the language that a post declares. Safe to use from several
    threads.
    """

    def __init__(self, texts: int) -> None:
        self._capacity = texts
        self._scores: OrderedDict[bytes, RawScore] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: bytes) -> RawScore | None:
        """Return the score of the text with this hash, or None where it is not known."""
        with self._lock:
            score = self._scores.get(key)
            if score is not None:
                self._scores.move_to_end(key)
            return score

    def remember(self, key: bytes, score: RawScore) -> None:
        """Keep the score of a text, and forget another where there is no room."""
        if self._capacity == 0 or len(score.sections) > _MOST_SECTIONS:
            return
        with self._lock:
            self._scores[key] = score
            self._scores.move_to_end(key)
            if len(self._scores) > self._capacity:
                self._scores.popitem(last=False)
