"""A sample of the scores of each community's texts, to which those of an account are compared."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from moderation.state.coverage import DAY_MS, KEPT_MS
from moderation.state.score_history import TIME_SHIFT, OwnScores, unpacked

VOTING_DAYS = 14
"""Days whose scores make a baseline."""
CLOSED_AFTER_DAYS = 2
"""The last of these days is this many before that of the post, so that a late score changes no baseline."""
VOTES_KEPT_MS = (VOTING_DAYS + CLOSED_AFTER_DAYS) * DAY_MS
MOST_VOTES = 32
"""Accounts of one community and day in the sample."""


@dataclass(frozen=True, eq=False)
class Votes:
    """One score for each of the n accounts of a community, in the order of the accounts: arrays of shape (n,)."""

    accounts: NDArray[np.uint64]
    scores: OwnScores


class _Day:
    """The packed score of each account of a sample, and the highest rank among them once it is full."""

    __slots__ = ("last", "words")

    def __init__(self) -> None:
        self.words: dict[int, int] = {}
        self.last = -1


def rank(account: int, day: int) -> int:
    """Return the rank of an account on a day, from 0 to 2**64 - 1, by which samples are drawn.

    It has no key, so that a file is judged as the stream is; the address keys of the two differ.
    """
    value = account.to_bytes(8, "little") + day.to_bytes(8, "little")
    return int.from_bytes(blake2b(value, digest_size=8, person=b"rank").digest(), "little")


class CommunityVotes:
    """Scores by community and day: the first one of an account on a day, of the accounts with the lowest ranks.

    The order in which scores are added changes nothing.
    """

    def __init__(self, *, evicts: bool = True) -> None:
        """Without *evicts*, communities stay until they are forgotten."""
        self._evicts = evicts
        self._days: dict[int, dict[int, _Day]] = {}
        """By community and day."""
        self._by_day: dict[int, set[int]] = {}
        self._closed: dict[int, tuple[int, Votes]] = {}

    def __len__(self) -> int:
        return len(self._days)

    def add(self, community: int, account: int, word: int) -> bool:
        """Add the packed score of a text; return whether the sample changed."""
        day = (word >> TIME_SHIFT) // DAY_MS
        sample = self._days.setdefault(community, {}).setdefault(day, _Day())
        known = sample.words.get(account)
        if known is None and len(sample.words) >= MOST_VOTES:
            if sample.last < 0:
                sample.last = max(rank(one, day) for one in sample.words)
            if rank(account, day) >= sample.last:
                return False
            del sample.words[max(sample.words, key=lambda one: rank(one, day))]
            sample.last = -1
        elif known is not None and known <= word:
            return False
        sample.words[account] = word
        if self._evicts:
            self._by_day.setdefault(day, set()).add(community)
        closed = self._closed.get(community)
        if closed is not None and day < closed[0]:
            del self._closed[community]
        return True

    def add_stored(self, community: int, rows: array[int]) -> None:
        """Add scores that were stored: word and account of each."""
        for place in range(0, len(rows), 2):
            self.add(community, rows[place + 1], rows[place])

    def forget(self, community: int) -> None:
        """Drop the scores of a community."""
        self._days.pop(community, None)
        self._closed.pop(community, None)

    def closed(self, community: int, at_ms: int) -> Votes | None:
        """Return the scores of a community as of the day of a post, one an account; None without any.

        The same object is returned until it changes.
        """
        end = at_ms // DAY_MS - CLOSED_AFTER_DAYS + 1
        known = self._closed.get(community)
        if known is None or known[0] != end:
            days = self._days.get(community, {})
            for day in [day for day in days if day < end - VOTING_DAYS - CLOSED_AFTER_DAYS]:
                del days[day]
            latest: dict[int, int] = {}
            for day in sorted(day for day in days if end - VOTING_DAYS <= day < end):
                latest |= days[day].words
            accounts = sorted(latest)
            known = end, Votes(np.array(accounts, np.uint64), unpacked([(latest[one], 0) for one in accounts]))
            self._closed[community] = known
        return known[1] if len(known[1].accounts) else None

    def evict(self, now_ms: int) -> None:
        """Drop days that belong to no baseline any more, nor to that of a late post."""
        horizon = (now_ms - VOTES_KEPT_MS - KEPT_MS) // DAY_MS
        for day in [day for day in self._by_day if day < horizon]:
            for community in self._by_day.pop(day):
                days = self._days.get(community, {})
                days.pop(day, None)
                if not days:
                    self.forget(community)
