"""Which passages of a text its score depends on: the text is scored again without each of them."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from moderation.detector import Detector
from moderation.errors import BundleError, ModerationError

log = logging.getLogger(__name__)
READ_CHARS = 4_000
"""Only the beginning of a text is compared; it is what the page of an account shows."""
MOST_PASSAGES = 12
LEAST_SENTENCES = 3
LEAST_WINDOW_WORDS = 5
WINDOWS = 8
LEAST_CHANGE = 0.1
"""Smallest fall of the log-odds for which a passage is marked."""
MARKED_SHARE = 0.25
"""A passage is marked from this share of the largest fall, and marked strongly from half of it."""
KEPT = 256
WAIT_S = 10.0
MOST_WAITING = 4
"""Requests that wait for the detector; further ones are refused, so that they leave threads for other pages."""
BUSY = "the detector of the console works on other texts; try again in a few seconds"
_END_OF_SENTENCE = re.compile(r"(?:[.!?…。！？]+[\"'”’)]*\s+)|\n+")
_WORD = re.compile(r"\S+\s*")
NOT_PROOF = (
    "This shows what the score depends on, not who wrote the text: other words in the same place could raise it too."
)


class DetectorBusy(ModerationError):
    """The detector of the console works on other texts."""

    exit_code = 7


@dataclass(frozen=True)
class Passage:
    """A part of the text. `without` is the score of the text without it, None where the rest has no score.

    `mark` is "strong" or "some" where the score falls without it, else empty.
    """

    start: int
    end: int
    without: float | None
    mark: str = ""


@dataclass(frozen=True)
class Passages:
    """The passages of a text in their order, with the score of its beginning, and what they mean in words.

    Without passages, `meaning` says why there are none.
    """

    passages: tuple[Passage, ...]
    score: float | None
    meaning: str


class PassageFinder:
    """Finds passages with a detector that is loaded at the first use. Safe to call from several threads.

    One text is compared at a time, so that a console uses one call of the detector at most; the last results are kept.
    """

    def __init__(self, load: Callable[[], Detector]) -> None:
        self._load = load
        self._detector: Detector | None = None
        self._one = threading.Lock()
        self._few = threading.BoundedSemaphore(MOST_WAITING)
        self._found: OrderedDict[bytes, Passages] = OrderedDict()

    def find(self, text: str) -> Passages:
        """Return the passages of a text. Raises DetectorBusy and DetectorOverdue."""
        read = text[:READ_CHARS]
        key = hashlib.sha256(read.encode("utf-8", "backslashreplace")).digest()
        known = self._found.get(key)
        if known is not None:
            return known
        if not self._few.acquire(blocking=False):
            raise DetectorBusy(BUSY)
        try:
            if not self._one.acquire(timeout=WAIT_S):
                raise DetectorBusy(BUSY)
            try:
                return self._found.get(key) or self._kept(key, self._compared(read))
            finally:
                self._one.release()
        finally:
            self._few.release()

    def _kept(self, key: bytes, found: Passages) -> Passages:
        """Keep a result in place of the oldest one; a detector that is missing can be there later."""
        if self._detector is not None:
            self._found[key] = found
            while len(self._found) > KEPT:
                self._found.popitem(last=False)
        return found

    def _compared(self, text: str) -> Passages:
        try:
            self._detector = self._detector or self._load()
        except BundleError as error:
            log.warning("detector_unavailable", extra={"fields": {"error": str(error)}})
            return Passages((), None, "This console could not load the detector; its log has the reason.")
        spans = split(text)
        without = [text[:start] + text[end:] for start, end in spans]
        complete, *others = self._detector.score([text, *without])
        if complete.abstained is not None:
            return Passages((), None, f"The detector returns no score for the text: {complete.abstained}.")
        falls = [complete.logit - one.logit if one.abstained is None else 0.0 for one in others]
        largest = max(falls, default=0.0)
        passages = tuple(
            Passage(*span, None if one.abstained is not None else one.probability, _mark(fall, largest))
            for span, one, fall in zip(spans, others, falls, strict=True)
        )
        return Passages(passages, complete.probability, _meaning(passages))


def split(text: str) -> list[tuple[int, int]]:
    """Return the sentences of a text as offsets, or windows of words where it has few; at most MOST_PASSAGES."""
    ends = [found.end() for found in _END_OF_SENTENCE.finditer(text)]
    starts = [0, *(end for end in ends if end < len(text))]
    if len(starts) < LEAST_SENTENCES:
        words = [found.start() for found in _WORD.finditer(text)]
        starts = words[:: max(LEAST_WINDOW_WORDS, -(-len(words) // WINDOWS))]
    starts = starts[:: -(-len(starts) // MOST_PASSAGES) or 1]
    return [(start, end) for start, end in pairwise([*starts, len(text)]) if text[start:end].strip()]


def _mark(fall: float, largest: float) -> str:
    if fall < max(LEAST_CHANGE, MARKED_SHARE * largest):
        return ""
    return "strong" if fall >= 0.5 * largest else "some"


def _meaning(passages: tuple[Passage, ...]) -> str:
    if any(passage.mark for passage in passages):
        return f"Without a marked passage the text would have a lower score. {NOT_PROOF}"
    if all(passage.without is None for passage in passages):
        return "The text is too short to be compared: without any passage it has no score."
    return f"No single passage raises the score: it depends on the text as a whole. {NOT_PROOF}"
