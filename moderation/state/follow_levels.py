"""The parts of the follow graph: sorted arrays of most follows, and dictionaries of the changes since then.

What is read for each post uses no numpy: a call of numpy costs more than a binary search of a few steps, and can give
up the interpreter lock, which another thread then keeps for 5 ms.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from moderation.state.edges import NO_EDGES, Edges, Numbers, Rows, latest, places_of, without

NOT_FOLLOWED = -1
"""Stands for the time of a follow that is not there."""
_BUCKET_SHIFT = 48
"""Bits of an account number below those of its bucket: a search in a bucket takes 4 steps, among a million 20."""
_Counts = NDArray[np.uint32]


class Degrees(NamedTuple):
    """Figures of one account in the follow graph, or their change."""

    following: int
    followers: int
    mutual: int


NOTHING = Degrees(0, 0, 0)
_SINGLE: dict[Degrees, Degrees] = {}
"""One object for each change of a single follow, which most changes are."""


def add_change(changes: dict[int, Degrees], account: int, change: Degrees) -> None:
    """Add a change of the degrees of an account to those of others."""
    before = changes.get(account)
    if before is None:
        changes[account] = _SINGLE.setdefault(change, change)
    else:
        changes[account] = Degrees(
            before.following + change.following, before.followers + change.followers, before.mutual + change.mutual
        )


class RecentFollows:
    """Changes of edges and of the degrees of their accounts."""

    __slots__ = ("degrees", "edges", "size")

    def __init__(self) -> None:
        self.edges: dict[int, dict[int, int]] = {}
        """By follower and followed account: the time of the follow, or `NOT_FOLLOWED`."""
        self.degrees: dict[int, Degrees] = {}
        self.size = 0
        """Number of changes."""

    def set(self, follower: int, followed: int, at_ms: int) -> None:
        """Set the time of a follow, or `NOT_FOLLOWED`."""
        own = self.edges.get(follower)
        if own is None:
            own = self.edges[follower] = {}
        own[followed] = at_ms
        self.size += 1

    def followed_ms(self, follower: int, followed: int) -> int | None:
        """Return the time of a follow or `NOT_FOLLOWED`; None for an edge that did not change."""
        own = self.edges.get(follower)
        return None if own is None else own.get(followed)

    def rows(self) -> Rows:
        """Return the changes of edges in order; those that ended with the time 0."""
        words = (
            number
            for follower, own in self.edges.items()
            for followed, at_ms in own.items()
            for number in (0 if at_ms == NOT_FOLLOWED else at_ms << 1 | 1, follower, followed)
        )
        return latest(np.fromiter(words, np.uint64).reshape(-1, 3))

    def steps(self) -> tuple[Numbers, NDArray[np.int64]]:
        """Return the accounts whose degrees changed, in order, and the changes, shape (accounts, 3)."""
        accounts = np.fromiter(self.degrees, np.uint64, len(self.degrees))
        # From a generator, because numpy keeps the interpreter lock while it reads a list of tuples.
        figures = np.fromiter((figure for change in self.degrees.values() for figure in change), np.int64)
        order = np.argsort(accounts)
        return accounts[order], figures.reshape(-1, 3)[order]


class SortedFollows:
    """Edges with the degrees of their accounts, in arrays that are never changed."""

    def __init__(self, edges: Edges = NO_EDGES, incoming: _Counts | None = None, mutual: _Counts | None = None) -> None:
        """*incoming* are the followers of each account, *mutual* how many of those it follows back."""
        self._edges = edges
        self._incoming = np.zeros(0, np.uint32) if incoming is None else incoming
        self._mutual = np.zeros(0, np.uint32) if mutual is None else mutual
        self._accounts, self._starts = edges.accounts.data, edges.starts.data
        self._followed, self._times = edges.followed.data, edges.times.data
        self._firsts = _firsts(edges.accounts).data
        self._followers_of, self._mutual_of = self._incoming.data, self._mutual.data

    @classmethod
    def of(cls, edges: Edges) -> SortedFollows:
        """Return edges with the degrees of their accounts."""
        size = len(edges.accounts)
        followers, followed = edges.pairs().T.astype(np.int64)
        there, back = followers * size + followed, np.sort(followed * size + followers)
        mutual = np.intersect1d(there, back, assume_unique=True) // max(size, 1)
        return cls(edges, _counts(followed, size), _counts(mutual, size))

    def __len__(self) -> int:
        return len(self._edges)

    def _place(self, account: int) -> int:
        """Return the place of an account; -1 without one."""
        bucket = account >> _BUCKET_SHIFT
        end = self._firsts[bucket + 1]
        place = bisect_left(self._accounts, account, self._firsts[bucket], end)
        return place if place < end and self._accounts[place] == account else -1

    def followed_ms(self, follower: int, followed: int) -> int:
        """Return the time of a follow; `NOT_FOLLOWED` without one."""
        one = self._place(follower)
        if one < 0:
            return NOT_FOLLOWED
        begin, end = self._starts[one], self._starts[one + 1]
        other = self._place(followed) if begin < end else -1
        if other < 0:
            return NOT_FOLLOWED
        place = bisect_left(self._followed, other, begin, end)
        return self._times[place] if place < end and self._followed[place] == other else NOT_FOLLOWED

    def followed_by(self, account: int) -> tuple[Numbers, NDArray[np.int64]]:
        """Return the accounts that an account follows, with the times of the follows."""
        place = self._place(account)
        own = slice(*self._starts[place : place + 2]) if place >= 0 else slice(0)
        return self._edges.accounts[self._edges.followed[own]], self._edges.times[own].astype(np.int64)

    def degrees(self, account: int) -> Degrees:
        """Return the figures of an account."""
        place = self._place(account)
        if place < 0:
            return NOTHING
        following = self._starts[place + 1] - self._starts[place]
        return Degrees(following, self._followers_of[place], self._mutual_of[place])

    def merged(self, recent: RecentFollows) -> SortedFollows:
        """Return the follows after changes."""
        edges = self._edges.changed(recent.rows())
        touched, steps = recent.steps()
        old, was = places_of(touched, self._edges.accounts)
        new, has = places_of(touched, edges.accounts)
        gone, begun = old[was & ~has], old[~was & has]
        begun -= np.searchsorted(gone, begun)
        counts = []
        for before, step in ((self._incoming, steps[has, 1]), (self._mutual, steps[has, 2])):
            after = np.insert(without(before, gone), begun, 0)
            after[new[has]] += step.astype(np.uint32)
            counts.append(after)
        return SortedFollows(edges, *counts)


def _firsts(accounts: Numbers) -> NDArray[np.int64]:
    """Return where the accounts of each bucket begin, and the number of all; as numbers are hashes, they are even."""
    begins = np.arange(1 << 64 - _BUCKET_SHIFT, dtype=np.uint64) << np.uint64(_BUCKET_SHIFT)
    return np.append(np.searchsorted(accounts, begins), len(accounts))


def _counts(places: NDArray[np.int64], size: int) -> _Counts:
    return np.bincount(places, minlength=size).astype(np.uint32)
