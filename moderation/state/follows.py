"""The follow graph as of the latest event, with degrees as of an earlier minute, and the changes since an epoch.

The latest change of an edge by event time wins. Of two changes of one edge that are more than `CONFLICT_MS` of event
time late, the one that is read later wins.
"""

from __future__ import annotations

import logging
from array import array
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

CONFLICT_MS = 3_600_000
RECENT_MINUTES = 15
"""Degrees are known as of this many minutes before the latest event."""
_AS_A_SET = 512
_IN, _MUTUAL, _HEADER = 0, 1, 2

Rows = NDArray[np.uint64]
"""Changes of edges, shape (changes, 3): time in milliseconds times 2, plus 1 for a follow; follower; followed."""


@dataclass(frozen=True)
class Degrees:
    """Figures of one account in the follow graph."""

    following: int
    followers: int
    mutual: int


class FollowGraph:
    """Directed edges between account numbers, none to oneself; at most `max_edges`.

    Further edges are counted in `refused`, and figures are incomplete from then on. An account takes about 250 bytes,
    and 8 bytes for each account that it follows.
    """

    def __init__(self, max_edges: int) -> None:
        self._max_edges = max_edges
        self._edges = 0
        self._out: dict[int, array[int]] = {}
        """By account: followers, mutual follows, then the accounts that it follows."""
        self._sets: dict[int, set[int]] = {}
        self._latest: dict[tuple[int, int], int] = {}
        self._latest_by_hour: dict[int, list[tuple[int, int]]] = {}
        self._recent: deque[tuple[int, int]] = deque()
        self._changed: dict[int, list[tuple[int, int, int, int]]] = {}
        self.rows = array("Q")
        """All changes since the last call of `take_rows`, three numbers each."""
        self.known = False
        """Whether there was any follow event; without one, a degree of zero would be a guess."""
        self.refused = 0

    def __len__(self) -> int:
        return self._edges

    def apply(self, follower: int, followed: int, at_ms: int, *, follows: bool) -> None:
        """Apply a follow or unfollow; one older than the latest change of the edge has no effect."""
        if follower == followed:
            return
        self.known = True
        edge, word = (follower, followed), at_ms << 1 | follows
        if word <= self._latest.get(edge, -1):
            return
        exists = self._has(follower, followed)
        if follows and not exists and self._edges >= self._max_edges:
            if not self.refused:
                log.warning("more than %d follows: the graph's figures are missing from now on", self._max_edges)
            self.refused += 1
            return
        self._latest[edge] = word
        self._latest_by_hour.setdefault(at_ms // CONFLICT_MS, []).append(edge)
        self.rows.extend((word, follower, followed))
        if follows != exists:
            self._toggle(follower, followed, at_ms // 60_000, follows=follows)

    def _has(self, follower: int, followed: int) -> bool:
        as_set = self._sets.get(follower)
        if as_set is not None:
            return followed in as_set
        entry = self._out.get(follower)
        return entry is not None and followed in entry[_HEADER:]

    def _toggle(self, follower: int, followed: int, minute: int, *, follows: bool) -> None:
        own, other = self._entry(follower), self._entry(followed)
        mutual = self._has(followed, follower)
        step = 1 if follows else -1
        if follows:
            own.append(followed)
        else:
            own[own.index(followed, _HEADER)] = own[-1]
            own.pop()
        if follower in self._sets:
            (self._sets[follower].add if follows else self._sets[follower].discard)(followed)
        elif len(own) - _HEADER > _AS_A_SET:
            self._sets[follower] = set(own[_HEADER:])
        other[_IN] += step
        if mutual:
            own[_MUTUAL] += step
            other[_MUTUAL] += step
        self._edges += step
        self._note(minute, follower, step, 0, step * mutual)
        self._note(minute, followed, 0, step, step * mutual)

    def _entry(self, account: int) -> array[int]:
        entry = self._out.get(account)
        if entry is None:
            entry = self._out[account] = array("Q", (0, 0))
        return entry

    def _note(self, minute: int, account: int, following: int, followers: int, mutual: int) -> None:
        self._changed.setdefault(account, []).append((minute, following, followers, mutual))
        self._recent.append((minute, account))

    def evict(self, now_ms: int) -> None:
        """Forget details of changes that can no longer be late."""
        oldest = now_ms // 60_000 - RECENT_MINUTES
        while self._recent and self._recent[0][0] < oldest:
            account = self._recent.popleft()[1]
            kept = [change for change in self._changed.get(account, ()) if change[0] >= oldest]
            if kept:
                self._changed[account] = kept
            else:
                self._changed.pop(account, None)
        for hour in [hour for hour in self._latest_by_hour if hour < now_ms // CONFLICT_MS - 1]:
            for edge in self._latest_by_hour.pop(hour):
                if self._latest.get(edge, 0) >> 1 < (hour + 1) * CONFLICT_MS:
                    self._latest.pop(edge, None)

    def degrees(self, account: int, up_to_minute: int) -> Degrees:
        """Return the figures of an account at the end of a minute, one of the latest `RECENT_MINUTES`."""
        entry = self._out.get(account)
        if entry is None:
            return Degrees(0, 0, 0)
        following, followers, mutual = len(entry) - _HEADER, entry[_IN], entry[_MUTUAL]
        for minute, out, into, both in self._changed.get(account, ()):
            if minute > up_to_minute:
                following, followers, mutual = following - out, followers - into, mutual - both
        return Degrees(following, followers, mutual)

    def take_rows(self) -> Rows:
        """Return the changes since the last call, including those without an effect on the current edges."""
        rows = self.peek_rows()
        self.rows = array("Q")
        return rows

    def peek_rows(self) -> Rows:
        """Return the same changes, which the next call returns again."""
        return np.array(self.rows, dtype=np.uint64).reshape(-1, 3)

    def load(self, edges: Rows) -> None:
        """Add distinct edges to an empty graph, without recording them as changes."""
        if not len(edges):
            return
        self.known = True
        order = np.argsort(edges[:, 1], kind="stable")
        followers, followed = edges[order, 1], edges[order, 2]
        accounts, starts = np.unique(followers, return_index=True)
        incoming, received = np.unique(followed, return_counts=True)
        mutual = followers[_reversed_exists(followers, followed)]
        both, shared = np.unique(mutual, return_counts=True)
        for account, some in zip(accounts.tolist(), np.split(followed, starts[1:]), strict=True):
            entry = self._entry(account)
            entry.frombytes(some.tobytes())
            if len(some) > _AS_A_SET:
                self._sets[account] = set(some.tolist())
        for account, count in zip(incoming.tolist(), received.tolist(), strict=True):
            self._entry(account)[_IN] = count
        for account, count in zip(both.tolist(), shared.tolist(), strict=True):
            self._entry(account)[_MUTUAL] = count
        self._edges = len(edges)


def fold(base: Rows, rows: Rows, before_ms: int) -> Rows:
    """Return the latest change of each edge, sorted by follower and followed; unfollows before a time are dropped."""
    everything = np.concatenate([base, rows])
    order = np.lexsort((everything[:, 0], everything[:, 2], everything[:, 1]))
    everything = everything[order]
    last = np.ones(len(everything), dtype=np.bool_)
    last[:-1] = np.any(everything[1:, 1:] != everything[:-1, 1:], axis=1)
    everything = everything[last]
    kept = (everything[:, 0] & np.uint64(1)).astype(np.bool_) | (everything[:, 0] >> np.uint64(1) >= before_ms)
    return everything[kept]


def current(rows: Rows) -> Rows:
    """Return the rows of folded changes that are edges."""
    return rows[(rows[:, 0] & np.uint64(1)).astype(np.bool_)]


def _reversed_exists(followers: NDArray[np.uint64], followed: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return for each edge whether the opposite one is there as well."""
    accounts, nodes = np.unique(np.concatenate([followers, followed]), return_inverse=True)
    one, other = nodes.astype(np.int64).reshape(2, -1)
    return np.isin(other * len(accounts) + one, one * len(accounts) + other)
