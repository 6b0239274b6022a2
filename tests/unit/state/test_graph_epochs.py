"""Graph figures: the same from both libraries, by epoch, computed only where a post can read them."""

from __future__ import annotations

import threading
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from moderation.features import FeatureExtractor
from moderation.state import epochs
from moderation.state.graph_figures import (
    NodeFigures,
    Pairs,
    compute_figures,
    figures_of_nodes,
    networkit_figures,
    networkx_figures,
)
from moderation.state.graph_process import figures_in_process
from tests.unit.features.builders import extract_all, follow, named, new_state, post, restored, saved

EPOCH = 600
CLOSED = EPOCH + EPOCH // 2


def figures(edges: list[tuple[int, int]]) -> dict[int, NodeFigures]:
    pairs = np.array(edges, dtype=np.uint64)
    accounts, values = compute_figures(pairs[:, 0], pairs[:, 1])
    return {account: NodeFigures(*row) for account, row in zip(accounts.tolist(), values.tolist(), strict=True)}


def random_pairs(nodes: int, edges: int) -> np.ndarray:
    graph = nx.gnm_random_graph(nodes, edges, seed=3, directed=True)
    graph.add_edges_from((0, node) for node in range(1, 230))
    return np.array(sorted(graph.edges()), dtype=np.int64)


def test_figures_of_a_triangle_with_a_tail() -> None:
    found = figures([(1, 2), (2, 3), (3, 1), (4, 1), (8, 9)])
    tip, tail = found[1], found[4]
    assert (tip.clustering, tip.core_number, tip.component_share) == (pytest.approx(1 / 3), 2, pytest.approx(4 / 6))
    assert (tail.clustering, tail.core_number) == (0, 1)
    assert tip.log_pagerank > 0 > tail.log_pagerank


def test_networkit_and_networkx_give_the_same_figures() -> None:
    pairs = random_pairs(300, 2000)
    one, other = networkx_figures(pairs, 300), networkit_figures(pairs, 300)
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert np.isnan(one[0, 0]), "clustering of a hub is missing"


def test_the_process_of_its_own_gives_the_same_figures() -> None:
    pairs = random_pairs(250, 800)
    there = figures_in_process(pairs.astype(np.uint32), 250, threading.Event())
    np.testing.assert_array_equal(figures_of_nodes(pairs, 250), there)


def test_a_failed_process_raises_with_its_message() -> None:
    with pytest.raises(RuntimeError, match="the graph process ended with 1"):
        figures_in_process(np.zeros(3, np.uint32), 1, threading.Event())


def test_large_graphs_are_computed_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []

    def counted(pairs: np.ndarray, size: int, _stop: threading.Event) -> np.ndarray:
        called.append(len(pairs))
        return figures_of_nodes(pairs, size)

    monkeypatch.setattr(epochs, "NETWORKX_EDGES", 2)
    monkeypatch.setattr(epochs, "figures_in_process", counted)
    events = [*(follow("a", f"b{n}", n) for n in range(3)), post("p", "a", 2 * EPOCH)]
    assert named(extract_all(new_state(EPOCH), events)[-1])["graph_core_number"] == 1
    assert called == [3]


def test_a_follow_that_is_too_late_counts_from_the_next_closed_graph_on() -> None:
    events = [follow("a", "b", 0), post("p0", "a", CLOSED + 1), follow("b", "c", 5), post("p1", "c", 2 * EPOCH + 1)]
    vectors = extract_all(new_state(EPOCH), [*events, post("p2", "c", 3 * EPOCH + 1)])
    assert "graph_core_number" not in named(vectors[1])
    assert named(vectors[2])["graph_core_number"] == 1


def test_a_follow_that_comes_before_its_epoch_is_closed_is_in_its_graph() -> None:
    events = [follow("a", "b", 0), post("p0", "a", CLOSED - 1), follow("b", "c", 5), post("p1", "c", 2 * EPOCH + 1)]
    assert named(extract_all(new_state(EPOCH), events)[1])["graph_core_number"] == 1


def test_unreadable_graphs_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    may_go_on = threading.Event()

    def slowly(pairs: Pairs, size: int) -> np.ndarray:
        may_go_on.wait(120)
        computed.append(len(pairs))
        return figures_of_nodes(pairs, size)

    monkeypatch.setattr(epochs, "figures_of_nodes", slowly)
    state = new_state(EPOCH)
    extractor = FeatureExtractor(state)
    for number in range(300):
        extractor.observe(follow("a", f"b{number}", number * EPOCH))
    may_go_on.set()
    vector = extractor.extract(post("p", "b297", 299 * EPOCH + 1))
    assert named(vector)["graph_component_share"] == 1
    state.close()
    assert len(computed) <= 4


def test_a_restart_within_an_epoch_closes_the_same_graph(tmp_path: Path) -> None:
    before = [
        follow("a", "b", 0),
        follow("b", "c", 10),
        follow("c", "a", CLOSED + 1),
        follow("a", "b", CLOSED + 2, undo=True),
    ]
    after = [follow("d", "a", CLOSED + 3), post("p1", "a", 2 * EPOCH + 1), post("p2", "a", 3 * EPOCH + 1)]
    for cut in range(len(before) + 1):
        state, directory = new_state(EPOCH), tmp_path / str(cut)
        state.keep_journal(directory)
        extract_all(state, before[:cut])
        saved(state, directory)
        extract_all(state, before[cut:])
        saved(state, directory)
        assert [named(vector) for vector in extract_all(restored(directory, EPOCH), after)] == [
            named(vector) for vector in extract_all(new_state(EPOCH), [*before, *after])
        ]


def test_waiting_reader_calls_on_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[int] = []
    may_go_on = threading.Event()

    def slowly(pairs: Pairs, size: int) -> np.ndarray:
        assert may_go_on.wait(120)
        return figures_of_nodes(pairs, size)

    def on_wait() -> None:
        waiting.append(1)
        if len(waiting) == 3:
            may_go_on.set()

    monkeypatch.setattr(epochs, "figures_of_nodes", slowly)
    monkeypatch.setattr(epochs, "_WAITED_S", 0.01)
    state = new_state(EPOCH)
    state.epochs.on_wait = on_wait
    events = [follow("a", "b", 0), follow("b", "c", 2 * EPOCH), post("p", "a", 2 * EPOCH + 1)]
    assert named(extract_all(state, events)[-1])["graph_core_number"] == 1
    assert len(waiting) >= 3


def test_a_failed_computation_leaves_the_graph_missing_until_the_next_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    failures = [MemoryError("no room")]

    def broken(pairs: Pairs, size: int) -> np.ndarray:
        if failures:
            raise failures.pop()
        return figures_of_nodes(pairs, size)

    monkeypatch.setattr(epochs, "figures_of_nodes", broken)
    state = new_state(EPOCH)
    state.keep_journal(tmp_path)
    first = [follow("a", "b", 0), post("p", "a", 2 * EPOCH + 1)]
    assert "graph_core_number" not in named(extract_all(state, first)[-1])
    assert "could not be computed" in caplog.text
    later = [follow("b", "c", 2 * EPOCH + 2), post("q", "a", 4 * EPOCH + 1)]
    assert named(extract_all(state, later)[-1])["graph_component_share"] == 1
    saved(state, tmp_path)


def test_closing_the_state_ends_a_computation_in_progress() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(RuntimeError, match="ended with -9"):
        figures_in_process(random_pairs(250, 800).astype(np.uint32), 250, stop)


def test_a_post_that_is_late_across_the_end_of_an_epoch_reads_its_own_graph() -> None:
    events = [follow("a", "b", 0), follow("b", "c", EPOCH + 1), post("p", "a", 3 * EPOCH - 1)]
    ahead = post("q", "b", 3 * EPOCH + 1)
    in_order = extract_all(new_state(EPOCH), [*events, ahead])
    swapped = extract_all(new_state(EPOCH), [*events[:2], ahead, events[2]])
    assert swapped[1].graph_epoch == in_order[0].graph_epoch
    assert named(swapped[1]) == named(in_order[0])
