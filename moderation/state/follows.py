"""Who follows whom, as of the latest event: per edge the last word by event time, so that a replay cannot double."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

log = logging.getLogger(__name__)
Edge = tuple[str, str]


class Change(NamedTuple):
    """An edge that appeared or went."""

    follower: str
    followed: str
    follows: bool


class FollowGraph:
    """Directed edges from follower to followed, none to oneself.

    Bounded: at most `max_edges` pairs are kept, present ones and those ended lately; further ones are counted in
    `refused`, not kept, and no figure is whole from then on. A pair costs about 0.5 kB with the copy that the
    whole-graph figures are computed from.
    """

    def __init__(self, max_edges: int = 5_000_000) -> None:
        self._max_edges = max_edges
        self._last_word: dict[Edge, tuple[int, bool]] = {}
        self._ended: deque[tuple[int, Edge]] = deque()
        self._out: dict[str, set[str]] = {}
        self._in: dict[str, set[str]] = {}
        self._changes: list[Change] = []
        self._forgotten_before_ms: int | None = None
        self._ever = False
        self.refused = 0

    def apply(self, follower: str, followed: str, at_ms: int, *, follows: bool) -> None:
        """Take note of a follow or unfollow; one that is older than the edge's last word changes nothing."""
        if follower == followed or (self._forgotten_before_ms is not None and at_ms < self._forgotten_before_ms):
            return
        self._ever = True
        edge = (follower, followed)
        known = self._last_word.get(edge)
        if known is not None and (at_ms, follows) <= known:
            return
        if known is None and len(self._last_word) >= self._max_edges:
            if not self.refused:
                log.warning("more than %d follows: the graph's figures are missing from now on", self._max_edges)
            self.refused += 1
            return
        self._last_word[edge] = (at_ms, follows)
        if not follows:
            self._ended.append((at_ms, edge))
        if follows != (followed in self._out.get(follower, ())):
            self._toggle(follower, followed, follows)
            self._changes.append(Change(follower, followed, follows))

    def _toggle(self, follower: str, followed: str, follows: bool) -> None:
        if follows:
            self._out.setdefault(follower, set()).add(followed)
            self._in.setdefault(followed, set()).add(follower)
            return
        for sides, one, other in ((self._out, follower, followed), (self._in, followed, follower)):
            sides[one].discard(other)
            if not sides[one]:
                del sides[one]

    def forget_ended(self, before_ms: int) -> None:
        """Drop the memory of edges that ended earlier; from now on, events from before then are not taken."""
        self._forgotten_before_ms = before_ms
        while self._ended and self._ended[0][0] < before_ms:
            at_ms, edge = self._ended.popleft()
            if self._last_word.get(edge) == (at_ms, False):
                del self._last_word[edge]

    def take_changes(self) -> list[Change]:
        """Changes since this was last asked."""
        changes, self._changes = self._changes, []
        return changes

    @property
    def pending(self) -> tuple[Change, ...]:
        """Changes that `take_changes` has not given out yet."""
        return tuple(self._changes)

    def following(self, account: str) -> set[str]:
        """Whom an account follows; not to be changed."""
        return self._out.get(account, _NOBODY)

    def followers(self, account: str) -> set[str]:
        """Who follows an account; not to be changed."""
        return self._in.get(account, _NOBODY)

    @property
    def known(self) -> bool:
        """Whether any follow event was ever seen: without one, a degree of zero would be a guess."""
        return self._ever

    def edges(self) -> Iterator[Edge]:
        """The present edges."""
        for follower, out in self._out.items():
            for followed in out:
                yield follower, followed

    def dump(self) -> Iterator[tuple[str, str, int, bool]]:
        """Every edge with its last word, for a snapshot."""
        for (follower, followed), (at_ms, follows) in self._last_word.items():
            yield follower, followed, at_ms, follows

    def load(self, words: Iterable[tuple[str, str, int, bool]], *, pending: Iterable[Change], ever: bool) -> None:
        """Put dumped edges back into an empty graph."""
        for follower, followed, at_ms, follows in words:
            self.apply(follower, followed, at_ms, follows=follows)
        self._ended = deque(sorted(self._ended))
        self._changes = list(pending)
        self._ever = ever


_NOBODY: set[str] = set()
