"""What the state keeps of each account's texts: the detector's scores of its last posts, never the texts."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moderation.state.active_keys import add_keys, keys_by_period
from moderation.state.coverage import DAY_MS, KEPT_MS
from moderation.state.ordered import group_ends, inserted

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
TIME_SHIFT = 21
"""Bits of a packed score below its time in milliseconds."""
_LOGIT_MASK = 0x7FFF
_SCORE_MASK = (1 << TIME_SHIFT) - 1
_POST_SHIFT = 16
"""Bits of the number of a post that hold the excess of its community."""
_EXCESS_STEPS = 1000
_EXCESS_MASK = (1 << _POST_SHIFT) - 1


@dataclass(frozen=True)
class OwnScores:
    """The scores of an account's last posts up to a time, oldest first: arrays of shape (n,), n at most 12."""

    logits: NDArray[np.float64]
    tokens_log2: NDArray[np.float64]
    """Binary logarithm of the number of tokens, one added."""
    excesses: NDArray[np.float64]
    """What the community of each post scored above human texts when the score was added, in spreads; NaN: unknown."""


NO_SCORES = OwnScores(np.zeros(0), np.zeros(0), np.zeros(0))


class ScoreHistory:
    """The scores of each account in the order of time and post; one score of a post, the highest of its texts.

    An entry has two numbers: time, logit and length in one word, and 48 bits of the post with the excess. A logit is
    stored in steps of 0.002, a length in eighths of a factor of two, an excess in thousandths. The order in which
    scores are added changes nothing.
    """

    def __init__(self, *, evicts: bool = True) -> None:
        """Without *evicts*, accounts stay until they are forgotten."""
        self._evicts = evicts
        self._entries: dict[int, array[int]] = {}
        self._active = keys_by_period()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, account: int, word: int, post: int) -> None:
        """Add the packed score of a packed post.

        Of several scores of a post the highest, then the first, stays, so that an edit hides nothing.
        """
        entries = self._entries.get(account)
        if entries is None:
            self._entries[account] = array("Q", (word, post))
            if self._evicts:
                self._active[(word >> TIME_SHIFT) // DAY_MS].append(account)
            return
        known = [one >> _POST_SHIFT for one in entries[1::2]]
        if post >> _POST_SHIFT in known:
            place = 2 * known.index(post >> _POST_SHIFT)
            if (_height(entries[place]), -entries[place]) >= (_height(word), -word):
                return
            del entries[place : place + 2]
        at = word >> TIME_SHIFT
        place = len(entries)
        while place and (entries[place - 2] >> TIME_SHIFT, entries[place - 1]) > (at, post):
            place -= 2
        entries = inserted(entries, place, array("Q", (word, post)))
        if len(entries) > 2 * _STORED:
            del entries[:2]
        self._entries[account] = entries

    def add_stored(self, account: int, rows: array[int]) -> None:
        """Add scores that were stored: word and post of each."""
        for place in range(0, len(rows), 2):
            self.add(account, rows[place], rows[place + 1])

    def forget(self, account: int) -> None:
        """Drop the scores of an account."""
        self._entries.pop(account, None)

    def window(self, account: int, at_ms: int) -> OwnScores:
        """Return the last scores of an account in the 14 days up to a time; a repeated text counts once."""
        entries = self._entries.get(account)
        if entries is None:
            return NO_SCORES
        own = zip(entries[0::2], entries[1::2], strict=True)
        return unpacked(counted([(w, post) for w, post in own if at_ms - SCORES_KEPT_MS < w >> TIME_SHIFT <= at_ms]))

    def load(self, rows: NDArray[np.uint64]) -> None:
        """Add many scores to an empty history at once; rows of word, account and post."""
        if not len(rows):
            return
        words, accounts, posts = rows[:, 0], rows[:, 1], rows[:, 2] >> np.uint64(_POST_SHIFT)
        times, heights = words >> np.uint64(TIME_SHIFT), _heights(words)
        order = np.lexsort((words, -heights.astype(np.int64), posts, accounts))
        first = np.ones(len(rows), dtype=np.bool_)
        first[1:] = (np.diff(accounts[order]) != 0) | (np.diff(posts[order]) != 0)
        order = order[first]
        order = order[np.lexsort((posts[order], times[order], accounts[order]))]
        rows = rows[order]
        starts, ends = group_ends(rows[:, 1])
        names, entries = rows[starts, 1], np.ascontiguousarray(rows[:, [0, 2]]).tobytes()
        for account, start, end in zip(names.data, starts.data, ends.data, strict=True):
            self._entries[account] = array("Q", entries[16 * max(start, end - _STORED) : 16 * end])
        newest_ms = rows[ends - 1, 0] >> np.uint64(TIME_SHIFT)
        add_keys(self._active, newest_ms // np.uint64(DAY_MS), names)

    def evict(self, now_ms: int) -> None:
        """Drop accounts whose last score counts no longer, nor for a late post."""
        horizon_ms = now_ms - SCORES_KEPT_MS - KEPT_MS
        for day in [day for day in self._active if (day + 1) * DAY_MS <= horizon_ms]:
            for account in self._active.pop(day):
                newest_ms = self._entries[account][-2] >> TIME_SHIFT
                if newest_ms < horizon_ms:
                    del self._entries[account]
                else:
                    self._active[newest_ms // DAY_MS].append(account)


def counted(scores: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the last 12 packed scores of different texts among *scores*, which are in the order of the posts.

    Texts of one score and one length are taken as the same text, whose repetition is no further evidence.
    """
    found: dict[int, tuple[int, int]] = {}
    for one in reversed(scores):
        found.setdefault(one[0] & _SCORE_MASK, one)
        if len(found) == MOST_SCORES:
            break
    return list(found.values())[::-1]


def _height(word: int) -> int:
    return word >> _LENGTH_BITS & _LOGIT_MASK


def _heights(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (words >> np.uint64(_LENGTH_BITS)) & np.uint64(_LOGIT_MASK)


def packed(at_ms: int, logit: float, n_tokens: int) -> int:
    """Return time, logit and length of a score as one number of 64 bits, which sorts by time."""
    bounded = min(max(logit, -_LARGEST_LOGIT), _LARGEST_LOGIT)
    length = min(round(_LENGTH_STEPS * math.log2(n_tokens + 1)), _LONGEST)
    return at_ms << TIME_SHIFT | round((bounded + _LARGEST_LOGIT) * _LOGIT_STEPS) << _LENGTH_BITS | length


def packed_post(post: int, excess: float) -> int:
    """Return 48 bits of the number of a post, with the excess of its community, which can be NaN."""
    steps = _EXCESS_MASK if math.isnan(excess) else min(max(round(excess * _EXCESS_STEPS), 0), _EXCESS_MASK - 1)
    return (post << _POST_SHIFT | steps) & (1 << 64) - 1


def unpacked(scores: Sequence[tuple[int, int]]) -> OwnScores:
    """Return the scores and posts that were packed, in the same order."""
    words, posts = np.array(scores, dtype=np.uint64).reshape(-1, 2).T
    logits = _heights(words).astype(np.float64) / _LOGIT_STEPS - _LARGEST_LOGIT
    length = (words & np.uint64(_LONGEST)).astype(np.float64) / _LENGTH_STEPS
    steps = (posts & np.uint64(_EXCESS_MASK)).astype(np.float64)
    return OwnScores(logits, length, np.where(steps == _EXCESS_MASK, np.nan, steps / _EXCESS_STEPS))
