"""The follow graph against a simple model, with merges that begin and end at any moment."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from random import Random
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from moderation.state import follows
from moderation.state.follow_levels import Degrees
from moderation.state.follows import CONFLICT_HOURS, RECENT_MINUTES, FollowGraph, Neighbour

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
ACCOUNTS = range(1, 6)
TIMES = st.one_of(st.integers(0, 10), st.integers(0, 20 * MINUTE_MS), st.integers(0, 60 * HOUR_MS))
CHANGE = st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(ACCOUNTS), TIMES, st.booleans())
STEPS = st.lists(st.one_of(CHANGE, CHANGE, CHANGE, st.sampled_from(["merged", "evict"])), max_size=60)


class Stepwise:
    """A worker whose work is done when the test says so."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.append((future, lambda: work(*arguments)))
        return future

    def work(self) -> None:
        for future, work in self._waiting:
            future.set_result(work())
        self._waiting.clear()


class Model:
    """The same graph without sorted arrays, merges and counters."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.edges: dict[tuple[int, int], int] = {}
        self._ended: dict[tuple[int, int], int] = {}
        self._changes: list[tuple[int, int, Degrees]] = []
        self.refused = 0

    def apply(self, one: int, other: int, at_ms: int, *, follows: bool) -> bool | None:
        edge = (one, other)
        if one == other:
            return None
        known = edge in self.edges
        last = self.edges.get(edge, self._ended.get(edge, -1))
        superseded = at_ms < last or (at_ms == last and (known or not follows))
        effect = not superseded and follows != known
        if effect and follows and len(self.edges) >= self._most:
            self.refused += 1
            return None
        if superseded:
            return False
        self.edges.pop(edge, None)
        self._ended.pop(edge, None)
        (self.edges if follows else self._ended)[edge] = at_ms
        if effect:
            step = 1 if follows else -1
            both = step * ((other, one) in self.edges)
            self._changes.append((at_ms // MINUTE_MS, one, Degrees(step, 0, both)))
            self._changes.append((at_ms // MINUTE_MS, other, Degrees(0, step, both)))
        return effect

    def evict(self, now_ms: int) -> None:
        self._changes = [change for change in self._changes if change[0] >= now_ms // MINUTE_MS - RECENT_MINUTES]
        first_hour = now_ms // HOUR_MS - CONFLICT_HOURS
        self._ended = {edge: at_ms for edge, at_ms in self._ended.items() if at_ms // HOUR_MS >= first_hour}

    def degrees(self, account: int, up_to_minute: int) -> Degrees:
        following = [other for one, other in self.edges if one == account]
        followers = [one for one, other in self.edges if other == account]
        now = (len(following), len(followers), len(set(following) & set(followers)))
        later = [change for minute, one, change in self._changes if one == account and minute > up_to_minute]
        return Degrees(*(figure - sum(change[place] for change in later) for place, figure in enumerate(now)))

    def neighbours(self, account: int, until_ms: int, most: int) -> list[Neighbour]:
        own = [(at_ms, other) for (one, other), at_ms in self.edges.items() if one == account and at_ms <= until_ms]
        return [Neighbour(other, (other, account) in self.edges) for _, other in sorted(own, reverse=True)[:most]]


def compare(graph: FollowGraph, model: Model, rng: Random) -> None:
    assert (len(graph), graph.refused) == (len(model.edges), model.refused)
    minute, until_ms, most = rng.randrange(60 * 60), rng.randrange(60 * HOUR_MS), rng.randrange(1, 5)
    for account in ACCOUNTS:
        for up_to in (minute, 60 * 60):
            assert graph.degrees(account, up_to) == model.degrees(account, up_to)
        for until in (until_ms, 60 * HOUR_MS):
            assert graph.neighbours(account, until, most) == model.neighbours(account, until, most)


@given(STEPS, st.integers(1, 6), st.sampled_from([3, 100]), st.randoms(use_true_random=False))
def test_no_result_depends_on_when_a_merge_begins_or_ends(
    steps: list[Any], changes: int, most: int, rng: Random
) -> None:
    graph, model, worker = FollowGraph(most), Model(most), Stepwise()
    latest_ms = 0
    with patch.object(follows, "MERGED_CHANGES", changes), patch.object(graph, "_worker", worker):
        for step in steps:
            if step == "merged":
                worker.work()
            elif step == "evict":
                graph.evict(latest_ms)
                model.evict(latest_ms)
            else:
                one, other, at_ms, is_follow = step
                latest_ms = max(latest_ms, at_ms)
                applied = graph.apply(one, other, at_ms, follows=is_follow)
                assert applied == model.apply(one, other, at_ms, follows=is_follow)
            compare(graph, model, rng)


def test_merges_in_the_background_change_nothing() -> None:
    rng, graph, model = Random(5), FollowGraph(5_000), Model(5_000)
    with patch.object(follows, "MERGED_CHANGES", 50):
        for at_ms in range(6_000):
            one, other, is_follow = rng.randrange(1, 80), rng.randrange(1, 80), rng.random() < 0.7
            late_ms = max(at_ms - rng.randrange(500), 0)
            applied = graph.apply(one, other, late_ms, follows=is_follow)
            assert applied == model.apply(one, other, late_ms, follows=is_follow)
    if graph._merge is not None:
        wait([graph._merge])
    graph.merge_if_due()
    graph.close()
    assert len(graph._sorted) > 0
    for account in range(1, 80):
        assert graph.degrees(account, 10) == model.degrees(account, 10)
        assert graph.neighbours(account, 10_000, 90) == model.neighbours(account, 10_000, 90)
