"""The follow graph: latest change per edge, bounded size, figures only for readable epochs."""

from __future__ import annotations

import threading
from pathlib import Path

import networkx as nx
import pytest

from moderation.features import FeatureExtractor
from moderation.state import PlatformState, epochs
from moderation.state.follows import FollowGraph
from moderation.state.graph_figures import ClosedGraph, compute_figures
from tests.unit.features.builders import KEYRING, extract_all, follow, named, new_state, post, restored

EPOCH = 600
DAY_MS = 86_400_000


def test_figures_of_a_triangle_with_a_tail() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"), ("x", "y")]
    graph = compute_figures(7, edges)
    tip, tail = graph.figures("a"), graph.figures("d")
    assert graph.epoch == 7
    assert tip is not None
    assert tail is not None
    assert (tip.clustering, tip.core_number, tip.component_share) == (pytest.approx(1 / 3), 2, pytest.approx(4 / 6))
    assert (tail.clustering, tail.core_number) == (0, 1)
    assert tip.log_pagerank > 0 > tail.log_pagerank
    assert graph.figures("nobody") is None


def test_clustering_is_that_of_networkx() -> None:
    edges = sorted(nx.gnm_random_graph(60, 300, seed=3, directed=True).edges())
    named_edges = [(f"n{one}", f"n{other}") for one, other in edges]
    expected = nx.clustering(nx.Graph(named_edges))
    graph = compute_figures(0, named_edges)
    assert {node: graph.values[row][0] for node, row in graph.rows.items()} == pytest.approx(expected)


def test_clustering_is_missing_at_hubs() -> None:
    figures = compute_figures(0, [("hub", f"n{n}") for n in range(201)])
    hub, leaf = figures.figures("hub"), figures.figures("n3")
    assert hub is not None
    assert leaf is not None
    assert hub.clustering != hub.clustering
    assert leaf.clustering == 0


def test_self_follow_is_ignored() -> None:
    graph = FollowGraph()
    graph.apply("a", "a", 1, follows=True)
    assert not graph.following("a")
    assert not graph.known


def test_edges_beyond_the_bound_are_counted_not_kept() -> None:
    graph = FollowGraph(max_edges=2)
    for followed in "bcde":
        graph.apply("a", followed, 1, follows=True)
    assert (graph.following("a"), graph.refused) == ({"b", "c"}, 2)


def test_ended_edges_are_forgotten_and_older_events_ignored() -> None:
    graph = FollowGraph(max_edges=1)
    graph.apply("a", "b", 1, follows=True)
    graph.apply("a", "b", 2, follows=False)
    graph.forget_ended(before_ms=DAY_MS)
    graph.apply("a", "b", 1, follows=True)
    assert not graph.following("a")
    graph.apply("a", "c", DAY_MS, follows=True)
    assert graph.following("a") == {"c"}


def test_a_follow_that_comes_late_counts_from_the_next_closed_graph_on() -> None:
    events = [follow("a", "b", 0), post("p0", "a", EPOCH + 1), follow("b", "c", 5), post("p1", "c", 2 * EPOCH + 1)]
    vectors = extract_all(new_state(EPOCH), [*events, post("p2", "c", 3 * EPOCH + 1)])
    assert "graph_core_number" not in named(vectors[1])
    assert named(vectors[2])["graph_core_number"] == 1


def test_unreadable_graphs_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    may_go_on = threading.Event()

    def slowly(epoch: int, edges: list[tuple[str, str]]) -> ClosedGraph:
        may_go_on.wait(120)
        computed.append(epoch)
        return compute_figures(epoch, edges)

    monkeypatch.setattr(epochs, "compute_figures", slowly)
    state = new_state(EPOCH)
    extractor = FeatureExtractor(state)
    for number in range(300):
        extractor.observe(follow("a", f"b{number}", number * EPOCH))
    may_go_on.set()
    vector = extractor.extract(post("p", "b297", 299 * EPOCH + 1))
    assert named(vector)["graph_component_share"] == 1
    state.epochs.close()
    assert len(computed) <= 4


def test_a_restart_within_an_epoch_closes_the_same_graph(tmp_path: Path) -> None:
    before = [
        follow("a", "b", 0),
        follow("b", "c", 10),
        follow("c", "a", EPOCH + 1),
        follow("a", "b", EPOCH + 2, undo=True),
    ]
    after = [follow("d", "a", EPOCH + 3), post("p1", "a", 2 * EPOCH + 1), post("p2", "a", 3 * EPOCH + 1)]
    state = new_state(EPOCH)
    extract_all(state, before)
    path = tmp_path / "snapshot"
    state.snapshot(path, {})
    assert [named(vector) for vector in extract_all(restored(path, EPOCH), after)] == [
        named(vector) for vector in extract_all(new_state(EPOCH), [*before, *after])
    ]


@pytest.mark.parametrize("waiter", ["a post", "a snapshot"])
def test_waiting_reader_calls_on_wait(waiter: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    waiting: list[str] = []
    may_go_on = threading.Event()

    def slowly(epoch: int, edges: list[tuple[str, str]]) -> ClosedGraph:
        assert may_go_on.wait(120)
        return compute_figures(epoch, edges)

    def on_wait() -> None:
        waiting.append(waiter)
        if len(waiting) == 3:
            may_go_on.set()

    monkeypatch.setattr(epochs, "compute_figures", slowly)
    monkeypatch.setattr(epochs, "_TOLD_EVERY_S", 0.01)
    state = new_state(EPOCH)
    state.epochs.on_wait = on_wait
    extractor = FeatureExtractor(state)
    extractor.observe(follow("a", "b", 0))
    extractor.observe(follow("b", "c", 2 * EPOCH))
    if waiter == "a post":
        assert named(extractor.extract(post("p", "a", 2 * EPOCH + 1)))["graph_core_number"] == 1
    else:
        state.snapshot(tmp_path / "snapshot", {})
    assert len(waiting) >= 3


def test_failed_refresh_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(epoch: int, edges: object) -> ClosedGraph:
        raise MemoryError("no room")

    monkeypatch.setattr(epochs, "compute_figures", broken)
    state = PlatformState(platform_id="p", keyring=KEYRING, graph_epoch_s=EPOCH)
    with pytest.raises(MemoryError):
        extract_all(state, [follow("a", "b", 0), post("p", "a", 2 * EPOCH + 1)])
