"""Caches the scores of recent texts, because campaigns repeat texts and a score depends only on the text."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from moderation.detector.scores import RawScore

_MOST_SECTIONS = 8
"""The score of a text with more sections is not cached, so that the number of texts bounds the memory."""


def content_key(text: str) -> bytes:
    """Return the hash of *text* that is its key in the cache."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class ScoreCache:
    """Least-recently-used cache of the scores of up to *texts* texts, at most 2 kB each. Thread-safe.

    Scores are cached before calibration, which also depends on the declared language.
    """

    def __init__(self, texts: int) -> None:
        self._capacity = texts
        self._scores: OrderedDict[bytes, RawScore] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> RawScore | None:
        """Return the score of the text with this key, or None."""
        with self._lock:
            score = self._scores.get(key)
            if score is not None:
                self._scores.move_to_end(key)
            return score

    def put(self, key: bytes, score: RawScore) -> None:
        """Store the score of a text unless it has too many sections; evict the least recently used one when full."""
        if self._capacity == 0 or len(score.sections) > _MOST_SECTIONS:
            return
        with self._lock:
            self._scores[key] = score
            self._scores.move_to_end(key)
            if len(self._scores) > self._capacity:
                self._scores.popitem(last=False)
