"""Edges of a graph in sorted arrays, and the changes that are folded into them.

An edge takes 12 bytes, an account 16. Arrays are never changed, so that threads can share them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]
Rows = NDArray[np.uint64]
"""Changes of edges, shape (changes, 3): time in milliseconds times 2, plus 1 for a follow; follower; followed."""
Places = NDArray[np.int64]
"""Positions in an array."""
_Number = TypeVar("_Number", bound=np.generic)
NO_ROWS: Rows = np.zeros((0, 3), np.uint64)


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges ordered by follower and followed, with the time of each follow."""

    accounts: Numbers
    """Numbers of the accounts with an edge, in ascending order, shape (accounts,)."""
    starts: Places
    """Where the follows of each account begin, and the number of all edges, shape (accounts + 1,)."""
    followed: NDArray[np.uint32]
    """By edge: the place of the followed account in `accounts`."""
    times: Numbers
    """By edge: the time of the follow in milliseconds."""

    def __len__(self) -> int:
        return len(self.followed)

    def pairs(self) -> NDArray[np.uint32]:
        """Return by edge the places of the follower and the followed account in `accounts`, shape (edges, 2)."""
        followers = np.repeat(np.arange(len(self.accounts), dtype=np.uint32), np.diff(self.starts))
        return np.stack([followers, self.followed], axis=1)

    def rows(self) -> Rows:
        """Return the edges as changes, in order."""
        words = self.times << np.uint64(1) | np.uint64(1)
        return np.column_stack([words, self.accounts[self.pairs()]])

    def words(self, changes: Rows) -> Numbers:
        """Return for the edges of *changes* what the rows of these edges begin with; 0 for those that are not there."""
        found = np.zeros(len(changes), np.uint64)
        ends, there = places_of(changes[:, 1:], self.accounts)
        known = np.flatnonzero(there.all(axis=1))
        followers, followed = ends[known].T
        places = self._lower_bounds(followers, followed)
        there = self._has(places, followers, followed)
        found[known[there]] = self.times[places[there]] << np.uint64(1) | np.uint64(1)
        return found

    def _lower_bounds(self, followers: Places, followed: Places) -> Places:
        """Return where edges are, or belong."""
        low, high = self.starts[followers], self.starts[followers + 1]
        while (unknown := low < high).any():
            middle = (low + high) >> 1
            below = unknown & (np.take(self.followed, middle, mode="clip") < followed)
            low, high = np.where(below, middle + 1, low), np.where(unknown & ~below, middle, high)
        return low

    def _has(self, places: Places, followers: Places, followed: Places) -> NDArray[np.bool_]:
        """Return whether edges are at their places."""
        inside = places < self.starts[followers + 1]
        inside[inside] = self.followed[places[inside]] == followed[inside]
        return inside

    def changed(self, changes: Rows) -> Edges:
        """Return the edges after changes, which are ordered as the edges are, with each edge once."""
        before = self._with_accounts(np.sort(changes[:, 1:], axis=None))
        accounts = before.accounts
        followers, followed = np.searchsorted(accounts, changes[:, 1:]).T
        follows = (changes[:, 0] & np.uint64(1)).astype(np.bool_)
        times = changes[:, 0] >> np.uint64(1)
        places = before._lower_bounds(followers, followed)
        there = before._has(places, followers, followed)
        later, added, removed = there & follows, ~there & follows, there & ~follows
        newer = before.times.copy()
        newer[places[later]] = times[later]
        size = len(accounts)
        counts = np.diff(before.starts) + np.bincount(followers[added], minlength=size)
        counts -= np.bincount(followers[removed], minlength=size)
        gone = places[removed]
        into = places[added] - np.searchsorted(gone, places[added])
        return Edges(
            accounts,
            np.append(0, np.cumsum(counts)),
            np.insert(without(before.followed, gone), into, followed[added].astype(np.uint32)),
            np.insert(without(newer, gone), into, times[added]),
        )._without_idle_accounts()

    def _with_accounts(self, some: Numbers) -> Edges:
        """Return the same edges with further accounts, which are ordered and can be there already."""
        new = some[np.append(True, some[1:] != some[:-1])[: len(some)]]
        places, known = places_of(new, self.accounts)
        new, places = new[~known], places[~known]
        if not len(new):
            return self
        further = np.zeros(len(self.accounts) + 1, np.uint32)
        np.add.at(further, places, 1)
        moved = np.arange(len(self.accounts), dtype=np.uint32) + np.cumsum(further[:-1], dtype=np.uint32)
        starts = np.insert(self.starts, places, self.starts[places])
        return Edges(np.insert(self.accounts, places, new), starts, moved[self.followed], self.times)

    def _without_idle_accounts(self) -> Edges:
        """Return the same edges without accounts that have none."""
        used = np.diff(self.starts) > 0
        used[self.followed] = True
        if used.all():
            return self
        places = (np.cumsum(used) - 1).astype(np.uint32)
        return Edges(self.accounts[used], self.starts[np.append(used, True)], places[self.followed], self.times)


def places_of(some: Numbers, accounts: Numbers) -> tuple[Places, NDArray[np.bool_]]:
    """Return where numbers are among ordered ones, or belong, and whether they are there."""
    places = np.searchsorted(accounts, some)
    there = places < len(accounts)
    there[there] = accounts[places[there]] == some[there]
    return places, there


def without(values: NDArray[_Number], places: Places) -> NDArray[_Number]:
    """Return values without those at some places."""
    return np.delete(values, places) if len(places) else values


NO_EDGES = Edges(np.zeros(0, np.uint64), np.zeros(1, np.int64), np.zeros(0, np.uint32), np.zeros(0, np.uint64))


@dataclass(frozen=True, eq=False)
class Folded:
    """The edges after all changes up to a time."""

    edges: Edges = NO_EDGES
    ended: Rows = field(default_factory=lambda: NO_ROWS)
    """The latest unfollows, which an older follow does not undo."""

    def rows(self) -> Rows:
        """Return edges and unfollows as changes."""
        return np.concatenate([self.edges.rows(), self.ended])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name."""
        return {**vars(self.edges), "ended": self.ended}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Folded:
        """Return what has these arrays."""
        return cls(Edges(*(arrays[column.name] for column in fields(Edges))), arrays["ended"])


def fold(folded: Folded, rows: Rows, before_ms: int) -> Folded:
    """Return the edges after further changes; the latest change of each edge counts.

    Unfollows before a time are dropped.
    """
    changes = latest(np.concatenate([folded.ended, rows]))
    changes = changes[changes[:, 0] > folded.edges.words(changes)]
    ended = changes[(changes[:, 0] & np.uint64(1)) == 0]
    return Folded(folded.edges.changed(changes), ended[ended[:, 0] >> np.uint64(1) >= before_ms])


def latest(rows: Rows) -> Rows:
    """Return the latest change of each edge, ordered by follower and followed."""
    rows = rows[np.lexsort((rows[:, 0], rows[:, 2], rows[:, 1]))]
    last = np.ones(len(rows), dtype=np.bool_)
    last[:-1] = np.any(rows[1:, 1:] != rows[:-1, 1:], axis=1)
    return rows[last]
