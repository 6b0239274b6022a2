"""The follow graph as of the latest event, with degrees as of an earlier minute.

The latest change of an edge by event time wins. A follow that is older than an unfollow, and comes more than 25 hours
of event time after it, counts nevertheless.
"""

from __future__ import annotations

import logging
from array import array
from heapq import nlargest
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from moderation.state.coverage import HOUR_MS, MINUTE_MS

log = logging.getLogger(__name__)

CONFLICT_HOURS = 25
RECENT_MINUTES = 15
"""Degrees are known as of this many minutes before the latest event."""
_WITH_PLACES = 256
_NEIGHBOURS_READ = 4_096
_IN, _MUTUAL, _HEADER = 0, 1, 2

Rows = NDArray[np.uint64]
"""Changes of edges, shape (changes, 3): time in milliseconds times 2, plus 1 for a follow; follower; followed."""


class Degrees(NamedTuple):
    """Figures of one account in the follow graph, or their change."""

    following: int
    followers: int
    mutual: int

    def plus(self, change: Degrees) -> Degrees:
        """Return the sum."""
        return Degrees(*(one + other for one, other in zip(self, change, strict=True)))


class Neighbour(NamedTuple):
    """An account that another one follows; *mutual* where it follows back."""

    account: int
    mutual: bool


_SINGLE: dict[Degrees, Degrees] = {}
"""One object for each change of a single follow, which most changes are."""


class FollowGraph:
    """Directed edges between account numbers, none to oneself; at most `max_edges`.

    Further edges are counted in `refused`, and figures are incomplete from then on. An account takes about 250 bytes,
    and 16 bytes for each account that it follows.
    """

    def __init__(self, max_edges: int) -> None:
        self._max_edges = max_edges
        self._edges = 0
        self._out: dict[int, array[int]] = {}
        """By account: followers and mutual follows, then each account that it follows with the time of the follow."""
        self._places: dict[int, dict[int, int]] = {}
        """Of accounts that follow many: where each account that they follow is in the array."""
        self._ended: dict[tuple[int, int], int] = {}
        self._ended_by_hour: dict[int, list[tuple[int, int]]] = {}
        self._changes: dict[int, dict[int, Degrees]] = {}
        """Changes of degrees of the latest minutes, by minute and account."""
        self.first_ms: int | None = None
        """Time of the first follow event; before it, a degree of zero would be a guess."""
        self.refused = 0

    def __len__(self) -> int:
        return self._edges

    def apply(self, follower: int, followed: int, at_ms: int, *, follows: bool) -> bool | None:
        """Apply a follow or unfollow; one older than the latest change of the edge has no effect.

        Returns whether the current edges changed; None for one that is refused.
        """
        if follower == followed:
            return None
        if self.first_ms is None or at_ms < self.first_ms:
            self.first_ms = at_ms
        place = self._place(follower, followed)
        latest_ms = self._ended.get((follower, followed), -1) if place is None else self._out[follower][place + 1]
        superseded = at_ms < latest_ms or (at_ms == latest_ms and (place is not None or not follows))
        has_effect = not superseded and follows == (place is None)
        if has_effect and follows and self._edges >= self._max_edges:
            if not self.refused:
                log.warning("more than %d follows: the graph's figures are missing from now on", self._max_edges)
            self.refused += 1
            return None
        if superseded:
            return False
        if follows and place is not None:
            self._out[follower][place + 1] = at_ms
        elif follows:
            self._begin(follower, followed, at_ms)
        else:
            if place is not None:
                self._end(follower, followed, place, at_ms)
            self._note_end(follower, followed, at_ms)
        return has_effect

    def _place(self, follower: int, followed: int) -> int | None:
        """Return where an account is in the array of its follower; None where it is not followed."""
        places = self._places.get(follower)
        if places is not None:
            return places.get(followed)
        entry = self._out.get(follower)
        if entry is None:
            return None
        some = entry[_HEADER::2]
        return _HEADER + 2 * some.index(followed) if followed in some else None

    def neighbours(self, account: int, until_ms: int, most: int) -> list[Neighbour]:
        """Return accounts that an account followed at a time, the newest follows first, at most *most*.

        Of an account that follows very many, only the last `_NEIGHBOURS_READ` places are read.
        """
        entry = self._out.get(account)
        if entry is None:
            return []
        first = max(_HEADER, len(entry) - 2 * _NEIGHBOURS_READ)
        follows = ((entry[place + 1], entry[place]) for place in range(first, len(entry), 2))
        newest = nlargest(most, (follow for follow in follows if follow[0] <= until_ms))
        return [Neighbour(other, self._place(other, account) is not None) for _, other in newest]

    def _begin(self, follower: int, followed: int, at_ms: int) -> None:
        own = self._entry(follower)
        own.extend((followed, at_ms))
        if follower in self._places:
            self._places[follower][followed] = len(own) - 2
        elif len(own) > 2 * _WITH_PLACES:
            self._places[follower] = {own[place]: place for place in range(_HEADER, len(own), 2)}
        self._ended.pop((follower, followed), None)
        self._count(follower, followed, at_ms, 1)

    def _end(self, follower: int, followed: int, place: int, at_ms: int) -> None:
        own = self._out[follower]
        own[place : place + 2] = own[-2:]
        del own[-2:]
        if follower in self._places:
            del self._places[follower][followed]
            if place < len(own):
                self._places[follower][own[place]] = place
        self._count(follower, followed, at_ms, -1)

    def _note_end(self, follower: int, followed: int, at_ms: int) -> None:
        self._ended[follower, followed] = at_ms
        self._ended_by_hour.setdefault(at_ms // HOUR_MS, []).append((follower, followed))

    def _count(self, follower: int, followed: int, at_ms: int, step: int) -> None:
        both = step * (self._place(followed, follower) is not None)
        self._edges += step
        self._entry(followed)[_IN] += step
        if both:
            self._out[follower][_MUTUAL] += step
            self._out[followed][_MUTUAL] += step
        changes = self._changes.setdefault(at_ms // MINUTE_MS, {})
        for account, change in ((follower, Degrees(step, 0, both)), (followed, Degrees(0, step, both))):
            before = changes.get(account)
            changes[account] = _SINGLE.setdefault(change, change) if before is None else before.plus(change)

    def _entry(self, account: int) -> array[int]:
        entry = self._out.get(account)
        if entry is None:
            entry = self._out[account] = array("Q", (0, 0))
        return entry

    def evict(self, now_ms: int) -> None:
        """Forget details of changes that can no longer be late."""
        for minute in [minute for minute in self._changes if minute < now_ms // MINUTE_MS - RECENT_MINUTES]:
            del self._changes[minute]
        for hour in [hour for hour in self._ended_by_hour if hour < now_ms // HOUR_MS - CONFLICT_HOURS]:
            for edge in self._ended_by_hour.pop(hour):
                if self._ended.get(edge, 0) < (hour + 1) * HOUR_MS:
                    self._ended.pop(edge, None)

    def degrees(self, account: int, up_to_minute: int) -> Degrees:
        """Return the figures of an account at the end of a minute, one of the latest `RECENT_MINUTES`."""
        entry = self._out.get(account)
        if entry is None:
            return Degrees(0, 0, 0)
        following, followers, mutual = (len(entry) - _HEADER) // 2, entry[_IN], entry[_MUTUAL]
        for minute, changes in self._changes.items():
            change = changes.get(account) if minute > up_to_minute else None
            if change is not None:
                following, followers = following - change.following, followers - change.followers
                mutual -= change.mutual
        return Degrees(following, followers, mutual)

    def load(self, folded: Rows, first_ms: int | None) -> None:
        """Add folded changes to an empty graph, with the time of the first follow event."""
        self.first_ms = first_ms
        follows = (folded[:, 0] & np.uint64(1)).astype(np.bool_)
        for word, follower, followed in folded[~follows].tolist():
            self._note_end(follower, followed, word >> 1)
        if follows.any():
            self._load_edges(folded[follows])

    def _load_edges(self, edges: Rows) -> None:
        order = np.argsort(edges[:, 1], kind="stable")
        followers, followed = edges[order, 1], edges[order, 2]
        accounts, starts = np.unique(followers, return_index=True)
        incoming, received = np.unique(followed, return_counts=True)
        mutual = followers[_reversed_exists(followers, followed)]
        both, shared = np.unique(mutual, return_counts=True)
        pairs = np.stack([followed, edges[order, 0] >> np.uint64(1)], axis=1).tobytes()
        ends = [*starts[1:].tolist(), len(edges)]
        for account, start, end in zip(accounts.tolist(), starts.tolist(), ends, strict=True):
            entry = self._entry(account)
            entry.frombytes(pairs[16 * start : 16 * end])
            if end - start > _WITH_PLACES:
                self._places[account] = {entry[place]: place for place in range(_HEADER, len(entry), 2)}
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
