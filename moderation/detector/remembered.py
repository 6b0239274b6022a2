"""What is known of the texts seen last: campaigns repeat themselves, and a score depends on its text alone."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import Generic, TypeVar

from moderation.detector.scores import RawScore

_MOST_SECTIONS = 8
"""A longer text is not remembered: with it the memory would not be bounded by the number of texts."""

Known = TypeVar("Known")


def content_key(text: str) -> bytes:
    """Return the hash by which a text is remembered."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class Remembered(Generic[Known]):
    """What is known of up to *texts* texts by content hash, the longest unused forgotten first.

    Safe to use from several threads.
    """

    def __init__(self, texts: int) -> None:
        self._capacity = texts
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: bytes) -> Known | None:
        """Return what is known of the text with this hash, or None."""
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
            return known

    def remember(self, key: bytes, known: Known) -> None:
        """Keep what is known of a text, and forget another where there is no room."""
        if self._capacity == 0:
            return
        with self._lock:
            self._known[key] = known
            self._known.move_to_end(key)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)


class RememberedScores(Remembered[RawScore]):
    """Scores of texts, at most 2 kB each; kept before calibration, which also depends on the declared language."""

    def remember(self, key: bytes, known: RawScore) -> None:
        """Keep the score of a text unless it has too many sections."""
        if len(known.sections) <= _MOST_SECTIONS:
            super().remember(key, known)
