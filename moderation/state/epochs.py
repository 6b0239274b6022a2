"""Whole-graph figures by event-time epoch: a post in epoch k reads the graph as closed with epoch k−2.

The refresh runs in the background and has a whole epoch of time for it. A reader that comes too early waits, so
no result depends on how fast the machine is or what its clock says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import networkx as nx

from moderation.state.follows import Edge, FollowGraph

HUB_DEGREE = 200
"""Clustering is left missing above this degree: it costs its square (3 ms a node at hubs)."""


class NodeFigures(NamedTuple):
    """Figures of one account in one closed graph."""

    clustering: float
    core_number: float
    component_share: float
    log_pagerank: float


@dataclass(frozen=True)
class ClosedGraph:
    """The figures of every account in the graph as it stood when `epoch` closed."""

    epoch: int
    figures: dict[str, NodeFigures]


@dataclass(frozen=True)
class SavedEpochs:
    """Epochs as a snapshot holds them; `unchanged`: the graph is still as the last epoch closed it."""

    current: int | None
    unchanged: bool
    closed: list[tuple[int, dict[str, tuple[float, ...]]]]


def compute_figures(edges: Sequence[Edge]) -> dict[str, NodeFigures]:
    """Figures of every node with networkx.

    Clustering and core number on the undirected graph, component share by weakly connected component, PageRank
    (damping 0.85) as the natural logarithm of its multiple of the mean.
    """
    directed = nx.DiGraph(edges)
    if not directed:
        return {}
    undirected = directed.to_undirected()
    undirected.remove_edges_from(list(nx.selfloop_edges(undirected)))
    modest = [node for node, degree in undirected.degree() if degree <= HUB_DEGREE]
    clustering = nx.clustering(undirected, modest)
    cores = nx.core_number(undirected)
    size = directed.number_of_nodes()
    share = {
        node: len(component) / size for component in nx.weakly_connected_components(directed) for node in component
    }
    pagerank = nx.pagerank(directed)
    return {
        node: NodeFigures(
            float(clustering.get(node, math.nan)), float(cores[node]), share[node], math.log(pagerank[node] * size)
        )
        for node in directed
    }


class GraphEpochs:
    """Keeps the closed graphs that posts can still ask for: the newest with epoch ≤ k−2 and everything after it."""

    def __init__(self, graph: FollowGraph, epoch_ms: int) -> None:
        self._graph = graph
        self._epoch_ms = epoch_ms
        self._current: int | None = None
        self._closed: list[tuple[int, Future[ClosedGraph]]] = []
        self._closed_version = -1
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="graph-refresh")

    def advance(self, at_ms: int) -> None:
        """Note that an event of this time has come, before it changes the graph. Late events close nothing."""
        epoch = at_ms // self._epoch_ms
        if self._current is not None and epoch <= self._current:
            return
        if self._current is not None and self._graph.known and self._graph.version != self._closed_version:
            self._close(self._current)
        self._current = epoch
        while len(self._closed) > 1 and self._closed[1][0] <= epoch - 2:
            self._closed.pop(0)

    def _close(self, epoch: int) -> None:
        edges = self._graph.edges()
        self._closed_version = self._graph.version
        self._closed.append((epoch, self._worker.submit(lambda: ClosedGraph(epoch, compute_figures(edges)))))

    def read(self, at_ms: int) -> ClosedGraph | None:
        """The graph that a post of this time reads, waited for where needed; None before any was closed for it."""
        epoch = at_ms // self._epoch_ms
        fitting = [future for closed, future in self._closed if closed <= epoch - 2]
        return fitting[-1].result() if fitting else None

    def dump(self) -> SavedEpochs:
        """Everything a snapshot needs, the figures of closed graphs included."""
        graphs = [future.result() for _, future in self._closed]
        return SavedEpochs(
            current=self._current,
            unchanged=self._closed_version == self._graph.version,
            closed=[
                (graph.epoch, {node: tuple(figures) for node, figures in graph.figures.items()}) for graph in graphs
            ],
        )

    def load(self, saved: SavedEpochs) -> None:
        """Put dumped epochs back, after the graph itself."""
        self._current = saved.current
        self._closed_version = self._graph.version if saved.unchanged else -1
        for epoch, rows in saved.closed:
            future: Future[ClosedGraph] = Future()
            future.set_result(ClosedGraph(epoch, {node: NodeFigures(*row) for node, row in rows.items()}))
            self._closed.append((epoch, future))

    def close(self) -> None:
        """End the background thread."""
        self._worker.shutdown(wait=True, cancel_futures=True)
