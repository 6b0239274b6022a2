"""The follow graph as of the latest event: the latest change per edge by event time, so that a replay is idempotent."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

log = logging.getLogger(__name__)
Edge = tuple[str, str]


class Change(NamedTuple):
    """An edge that was added or removed."""

    follower: str
    followed: str
    follows: bool


class FollowGraph:
    """Directed edges from follower to followed, none to oneself.

    Bounded: at most `max_edges` pairs are kept, current ones and recently ended ones; further ones are counted in
    `refused`, and figures are incomplete from then on. A pair takes about 0.5 kB with the copy for the graph figures.
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
        """Apply a follow or unfollow; one older than the latest change of the edge has no effect."""
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
        """Forget edges that ended earlier; from now on, earlier events are ignored."""
        self._forgotten_before_ms = before_ms
        while self._ended and self._ended[0][0] < before_ms:
            at_ms, edge = self._ended.popleft()
            if self._last_word.get(edge) == (at_ms, False):
                del self._last_word[edge]

    def take_changes(self) -> list[Change]:
        """Return the changes since the last call."""
        changes, self._changes = self._changes, []
        return changes

    @property
    def pending(self) -> tuple[Change, ...]:
        """Return the changes that `take_changes` has not returned yet."""
        return tuple(self._changes)

    def following(self, account: str) -> set[str]:
        """Return the accounts that an account follows; do not modify the set."""
        return self._out.get(account, _NOBODY)

    def followers(self, account: str) -> set[str]:
        """Return the followers of an account; do not modify the set."""
        return self._in.get(account, _NOBODY)

    @property
    def known(self) -> bool:
        """Whether there was any follow event; without one, a degree of zero would be a guess."""
        return self._ever

    def edges(self) -> Iterator[Edge]:
        """Yield the current edges."""
        for follower, out in self._out.items():
            for followed in out:
                yield follower, followed

    def dump(self) -> Iterator[tuple[str, str, int, bool]]:
        """Yield every edge with its latest change, for a snapshot."""
        for (follower, followed), (at_ms, follows) in self._last_word.items():
            yield follower, followed, at_ms, follows

    def load(self, words: Iterable[tuple[str, str, int, bool]], *, pending: Iterable[Change], ever: bool) -> None:
        """Restore dumped edges into an empty graph."""
        for follower, followed, at_ms, follows in words:
            self.apply(follower, followed, at_ms, follows=follows)
        self._ended = deque(sorted(self._ended))
        self._changes = list(pending)
        self._ever = ever


_NOBODY: set[str] = set()
