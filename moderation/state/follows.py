"""The follow graph as of the latest event, with degrees as of an earlier minute.

The latest change of an edge by event time wins. A follow that is older than an unfollow, and comes more than 25 hours
of event time after it, counts nevertheless.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from moderation.state.coverage import HOUR_MS, MINUTE_MS
from moderation.state.edges import Folded, Numbers
from moderation.state.follow_levels import NOT_FOLLOWED, Degrees, RecentFollows, SortedFollows, add_change

log = logging.getLogger(__name__)

CONFLICT_HOURS = 25
RECENT_MINUTES = 15
"""Degrees are known as of this many minutes before the latest event."""
MERGED_CHANGES = 32_768
"""Changes that are kept apart from the sorted arrays before they are merged."""
_NEIGHBOURS_READ = 4_096


class Neighbour(NamedTuple):
    """An account that another one follows; *mutual* where it follows back."""

    account: int
    mutual: bool


class FollowGraph:
    """Directed edges between account numbers, none to oneself; at most `max_edges`.

    Further edges are counted in `refused`, and figures are incomplete from then on. Most edges are in sorted arrays,
    where an edge takes 12 bytes and an account 24. The latest changes are in dictionaries, which a thread merges into
    new arrays; no result depends on when that ends.
    """

    def __init__(self, max_edges: int) -> None:
        self._max_edges = max_edges
        self._edges = 0
        self._sorted = SortedFollows()
        self._recent = RecentFollows()
        self._merged: RecentFollows | None = None
        """Changes that are being merged, older than the recent ones."""
        self._merge: Future[SortedFollows] | None = None
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="follows")
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
        latest_ms = self._followed_ms(follower, followed)
        known = latest_ms != NOT_FOLLOWED
        if not known:
            latest_ms = self._ended.get((follower, followed), -1)
        superseded = at_ms < latest_ms or (at_ms == latest_ms and (known or not follows))
        has_effect = not superseded and follows != known
        if has_effect and follows and self._edges >= self._max_edges:
            if not self.refused:
                log.warning("more than %d follows: the graph's figures are missing from now on", self._max_edges)
            self.refused += 1
            return None
        if superseded:
            return False
        if follows:
            self._begin(follower, followed, at_ms, known=known)
        else:
            self._end(follower, followed, at_ms, known=known)
        self.merge_if_due()
        return has_effect

    def _followed_ms(self, follower: int, followed: int) -> int:
        """Return the time of a follow; `NOT_FOLLOWED` without one."""
        at_ms = self._recent.followed_ms(follower, followed)
        if at_ms is None and self._merged is not None:
            at_ms = self._merged.followed_ms(follower, followed)
        return self._sorted.followed_ms(follower, followed) if at_ms is None else at_ms

    def _begin(self, follower: int, followed: int, at_ms: int, *, known: bool) -> None:
        self._recent.set(follower, followed, at_ms)
        if not known:
            self._ended.pop((follower, followed), None)
            self._count(follower, followed, at_ms, 1)

    def _end(self, follower: int, followed: int, at_ms: int, *, known: bool) -> None:
        if known:
            self._recent.set(follower, followed, NOT_FOLLOWED)
            self._count(follower, followed, at_ms, -1)
        self._note_end(follower, followed, at_ms)

    def _note_end(self, follower: int, followed: int, at_ms: int) -> None:
        self._ended[follower, followed] = at_ms
        self._ended_by_hour.setdefault(at_ms // HOUR_MS, []).append((follower, followed))

    def _count(self, follower: int, followed: int, at_ms: int, step: int) -> None:
        both = step * (self._followed_ms(followed, follower) != NOT_FOLLOWED)
        self._edges += step
        changes = self._changes.setdefault(at_ms // MINUTE_MS, {})
        for account, change in ((follower, Degrees(step, 0, both)), (followed, Degrees(0, step, both))):
            add_change(changes, account, change)
            add_change(self._recent.degrees, account, change)

    def merge_if_due(self) -> None:
        """Use the arrays of a merge that has ended; begin one where there are enough changes.

        Raises what the merge raised, such as MemoryError.
        """
        if self._merge is not None and self._merge.done():
            self._sorted, self._merge, self._merged = self._merge.result(), None, None
        if self._merge is None and self._recent.size >= MERGED_CHANGES:
            self._merged, self._recent = self._recent, RecentFollows()
            self._merge = self._worker.submit(self._sorted.merged, self._merged)

    def neighbours(self, account: int, until_ms: int, most: int) -> list[Neighbour]:
        """Return accounts that an account followed at a time, the newest follows first, at most *most* and 4096."""
        accounts, times = self._sorted.followed_by(account)
        for level in (self._merged, self._recent):
            if level is not None and account in level.edges:
                changed = level.edges[account]
                others = np.fromiter(changed, np.uint64, len(changed))
                kept = ~np.isin(accounts, others)
                accounts = np.append(accounts[kept], others)
                times = np.append(times[kept], np.fromiter(changed.values(), np.int64, len(changed)))
        current = (times != NOT_FOLLOWED) & (times <= until_ms)
        newest = _newest(accounts[current], times[current], min(most, _NEIGHBOURS_READ))
        return [Neighbour(other, self._followed_ms(other, account) != NOT_FOLLOWED) for other in newest]

    def evict(self, now_ms: int) -> None:
        """Forget details of changes that can no longer be late."""
        self.merge_if_due()
        for minute in [minute for minute in self._changes if minute < now_ms // MINUTE_MS - RECENT_MINUTES]:
            del self._changes[minute]
        for hour in [hour for hour in self._ended_by_hour if hour < now_ms // HOUR_MS - CONFLICT_HOURS]:
            for edge in self._ended_by_hour.pop(hour):
                if self._ended.get(edge, 0) < (hour + 1) * HOUR_MS:
                    self._ended.pop(edge, None)

    def degrees(self, account: int, up_to_minute: int) -> Degrees:
        """Return the figures of an account at the end of a minute, one of the latest `RECENT_MINUTES`."""
        following, followers, mutual = self._sorted.degrees(account)
        for level in (self._merged, self._recent):
            change = None if level is None else level.degrees.get(account)
            if change is not None:
                following, followers = following + change.following, followers + change.followers
                mutual += change.mutual
        for minute, changes in self._changes.items():
            change = changes.get(account) if minute > up_to_minute else None
            if change is not None:
                following, followers = following - change.following, followers - change.followers
                mutual -= change.mutual
        return Degrees(following, followers, mutual)

    def load(self, folded: Folded, first_ms: int | None) -> None:
        """Add folded changes to an empty graph, with the time of the first follow event."""
        self.first_ms = first_ms
        for word, follower, followed in folded.ended.tolist():
            self._note_end(follower, followed, word >> 1)
        self._sorted = SortedFollows.of(folded.edges)
        self._edges = len(folded.edges)

    def close(self) -> None:
        """Wait for a merge in progress, and end its thread."""
        self._worker.shutdown()


def _newest(accounts: Numbers, times: Numbers, most: int) -> list[int]:
    """Return the accounts with the latest times, the latest first, at most *most*."""
    if len(times) > most:
        late = times >= np.partition(times, -most)[-most]
        accounts, times = accounts[late], times[late]
    found: list[int] = accounts[np.lexsort((accounts, times))[::-1][:most]].tolist()
    return found
