"""Who follows whom, as of the latest event: per edge the last word by event time, so that a replay cannot double."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Edge = tuple[str, str]


class FollowGraph:
    """Directed edges from follower to followed. At most `max_edges` are kept; further ones are counted, not kept."""

    def __init__(self, max_edges: int = 5_000_000) -> None:
        self._max_edges = max_edges
        self._last_word: dict[Edge, tuple[int, bool]] = {}
        self._out: dict[str, set[str]] = {}
        self._in: dict[str, set[str]] = {}
        self.version = 0
        """Changes whenever an edge appears or goes."""
        self.refused = 0

    def apply(self, follower: str, followed: str, at_ms: int, *, follows: bool) -> None:
        """Take note of a follow or unfollow; one that is older than the edge's last word changes nothing."""
        edge = (follower, followed)
        known = self._last_word.get(edge)
        if known is not None and (at_ms, follows) <= known:
            return
        if known is None and len(self._last_word) >= self._max_edges:
            self.refused += 1
            return
        self._last_word[edge] = (at_ms, follows)
        present = followed in self._out.get(follower, ())
        if follows and not present:
            self._out.setdefault(follower, set()).add(followed)
            self._in.setdefault(followed, set()).add(follower)
            self.version += 1
        elif present and not follows:
            self._out[follower].discard(followed)
            self._in[followed].discard(follower)
            self.version += 1

    def following(self, account: str) -> set[str]:
        """Whom an account follows; not to be changed."""
        return self._out.get(account, _NOBODY)

    def followers(self, account: str) -> set[str]:
        """Who follows an account; not to be changed."""
        return self._in.get(account, _NOBODY)

    @property
    def known(self) -> bool:
        """Whether any follow event was ever seen: without one, a degree of zero would be a guess."""
        return bool(self._last_word)

    def edges(self) -> list[Edge]:
        """A copy of the present edges, in a fixed order."""
        return sorted((follower, followed) for follower, out in self._out.items() for followed in out)

    def dump(self) -> Iterator[tuple[str, str, int, bool]]:
        """Every edge with its last word, for a snapshot."""
        for (follower, followed), (at_ms, follows) in self._last_word.items():
            yield follower, followed, at_ms, follows

    def load(self, words: Iterable[tuple[str, str, int, bool]]) -> None:
        """Put dumped edges back."""
        for follower, followed, at_ms, follows in words:
            self.apply(follower, followed, at_ms, follows=follows)


_NOBODY: set[str] = set()
