"""What the state keeps of each account's texts: the detector's scores of its last posts, never the texts."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moderation.state.coverage import DAY_MS

MOST_SCORES = 12
"""Scores that count as evidence about an account."""
SCORES_KEPT_MS = 14 * DAY_MS
"""How long a score counts."""
_STORED = 16
"""Scores stored of an account: a few more than count, for posts that are late."""
_LOGIT_STEPS = 500
_LARGEST_LOGIT = 32.0
_LENGTH_STEPS = 8
_LONGEST = 63
_LENGTH_BITS = 6
_TIME_SHIFT = 21


@dataclass(frozen=True)
class OwnScores:
    """The scores of an account's last posts up to a time, oldest first: arrays of shape (n,), n at most 12."""

    logits: NDArray[np.float64]
    tokens_log2: NDArray[np.float64]
    """Binary logarithm of the number of tokens, one added."""


NO_SCORES = OwnScores(np.zeros(0), np.zeros(0))


class ScoreHistory:
    """The scores of each account in event-time order; one score of a post, that of its latest text.

    An entry has two numbers: time, logit and length in one word, and the post. A logit is stored in steps of 0.002, a
    length in eighths of a factor of two.
    """

    def __init__(self, *, evicts: bool = True) -> None:
        """Without *evicts*, accounts stay until they are forgotten."""
        self._evicts = evicts
        self._entries: dict[int, array[int]] = {}
        self._active: dict[int, list[int]] = {}
        self._horizon_ms = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, account: int, post: int, word: int) -> None:
        """Add the score of a post; it replaces an earlier one of this post. The same score again has no effect."""
        at_ms = word >> _TIME_SHIFT
        if at_ms < self._horizon_ms:
            return
        entries = self._entries.get(account)
        if entries is None:
            entries = self._entries[account] = array("Q")
        day = at_ms // DAY_MS
        if self._evicts and (not entries or day > (entries[-2] >> _TIME_SHIFT) // DAY_MS):
            self._active.setdefault(day, []).append(account)
        known = entries[1::2]
        if post in known:
            place = 2 * known.index(post)
            del entries[place : place + 2]
        place = len(entries)
        while place and (entries[place - 2], entries[place - 1]) > (word, post):
            place -= 2
        entries[place:place] = array("Q", (word, post))
        if len(entries) > 2 * _STORED:
            del entries[:2]

    def add_stored(self, account: int, rows: array[int]) -> None:
        """Add scores that were stored: a growing number, word and post of each, in order."""
        for place in range(0, len(rows), 3):
            self.add(account, rows[place + 2], rows[place + 1])

    def forget(self, account: int) -> None:
        """Drop the scores of an account."""
        self._entries.pop(account, None)

    def window(self, account: int, at_ms: int) -> OwnScores:
        """Return the last scores of an account in the 14 days up to a time."""
        entries = self._entries.get(account)
        if entries is None:
            return NO_SCORES
        words = [w for w in entries[0::2] if at_ms - SCORES_KEPT_MS < w >> _TIME_SHIFT <= at_ms][-MOST_SCORES:]
        return unpacked(words)

    def load(self, rows: NDArray[np.uint64]) -> None:
        """Add many scores to an empty history at once; rows of word, account and post in the order they were added."""
        if not len(rows):
            return
        order = np.lexsort((np.arange(len(rows)), rows[:, 2], rows[:, 1]))
        rows = rows[order]
        last = np.ones(len(rows), dtype=np.bool_)
        last[:-1] = np.any(rows[1:, 1:] != rows[:-1, 1:], axis=1)
        rows = rows[last]
        rows = rows[np.lexsort((rows[:, 2], rows[:, 0], rows[:, 1]))]
        names, starts = np.unique(rows[:, 1], return_index=True)
        entries, ends = np.ascontiguousarray(rows[:, [0, 2]]).tobytes(), [*starts[1:].tolist(), len(rows)]
        for account, start, end in zip(names.tolist(), starts.tolist(), ends, strict=True):
            own = array("Q", entries[16 * max(start, end - _STORED) : 16 * end])
            self._entries[account] = own
            self._active.setdefault((own[-2] >> _TIME_SHIFT) // DAY_MS, []).append(account)

    def evict(self, now_ms: int) -> None:
        """Drop accounts without a score in the kept time; earlier ones are ignored from now on."""
        self._horizon_ms = max(now_ms - SCORES_KEPT_MS, 0)
        for day in [day for day in self._active if (day + 1) * DAY_MS <= self._horizon_ms]:
            for account in self._active.pop(day):
                entries = self._entries.get(account)
                if entries is not None and entries[-2] >> _TIME_SHIFT < self._horizon_ms:
                    del self._entries[account]


def packed(at_ms: int, logit: float, n_tokens: int) -> int:
    """Return time, logit and length of a score as one number of 64 bits, which sorts by time."""
    bounded = min(max(logit, -_LARGEST_LOGIT), _LARGEST_LOGIT)
    length = min(round(_LENGTH_STEPS * math.log2(n_tokens + 1)), _LONGEST)
    return at_ms << _TIME_SHIFT | round((bounded + _LARGEST_LOGIT) * _LOGIT_STEPS) << _LENGTH_BITS | length


def unpacked(words: Sequence[int]) -> OwnScores:
    """Return the scores that were packed, in the same order."""
    numbers = np.array(words, dtype=np.uint64)
    steps = ((numbers >> np.uint64(_LENGTH_BITS)) & np.uint64(0x7FFF)).astype(np.float64)
    length = (numbers & np.uint64(_LONGEST)).astype(np.float64)
    return OwnScores(steps / _LOGIT_STEPS - _LARGEST_LOGIT, length / _LENGTH_STEPS)
