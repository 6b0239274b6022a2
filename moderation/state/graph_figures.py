"""Computes the graph figures of every account, with networkx."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from moderation.state.follows import Edge

HUB_DEGREE = 200
"""Clustering is missing above this degree, where it is most expensive and least informative."""


class NodeFigures(NamedTuple):
    """Figures of one account in one closed graph."""

    clustering: float
    core_number: float
    component_share: float
    log_pagerank: float


@dataclass(frozen=True, eq=False)
class ClosedGraph:
    """The figures of every account in the graph at the end of `epoch`; `values` has shape (accounts, 4)."""

    epoch: int
    rows: dict[str, int]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, epoch: int, accounts: Sequence[str], values: Iterable[Sequence[float]]) -> ClosedGraph:
        """Return the closed graph of accounts and their figures, in the same order."""
        rows = {account: row for row, account in enumerate(accounts)}
        return cls(epoch, rows, np.array(list(values), dtype=np.float64).reshape(len(rows), len(NodeFigures._fields)))

    def figures(self, account: str) -> NodeFigures | None:
        """Return the figures of one account; None for one without an edge."""
        row = self.rows.get(account)
        return None if row is None else NodeFigures(*self.values[row].tolist())


def compute_figures(epoch: int, edges: Sequence[Edge]) -> ClosedGraph:
    """Return the figures of every account in these edges; the same edges in the same order give identical results.

    Clustering and core number on the undirected graph, component share by weakly connected component, PageRank
    (damping 0.85) as the natural logarithm of its multiple of the mean.
    """
    if not edges:
        return ClosedGraph.of(epoch, (), ())
    directed = nx.DiGraph(edges)
    undirected = nx.Graph()
    undirected.add_nodes_from(directed)
    undirected.add_edges_from(edges)
    neighbours = {node: set(adjacent) for node, adjacent in undirected.adjacency()}
    cores = nx.core_number(undirected)
    size = directed.number_of_nodes()
    share = {node: len(component) / size for component in nx.connected_components(undirected) for node in component}
    pagerank = nx.pagerank(directed)
    accounts = list(directed)
    return ClosedGraph.of(
        epoch,
        accounts,
        (
            (_clustering(node, neighbours), cores[node], share[node], math.log(pagerank[node] * size))
            for node in accounts
        ),
    )


def _clustering(node: str, neighbours: dict[str, set[str]]) -> float:
    """Return `networkx.clustering`, without building the set of a hub's neighbours for each of them."""
    own = neighbours[node]
    degree = len(own)
    if degree > HUB_DEGREE:
        return math.nan
    if degree < 2:
        return 0.0
    return sum(len(neighbours[other] & own) for other in own) / (degree * (degree - 1))
