"""Computes the graph figures of every account: with networkx, and with networkit where networkx would be too slow."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple

import networkx as nx
import numpy as np
from numpy.typing import NDArray

HUB_DEGREE = 200
"""Clustering is missing above this degree, where it is least informative."""
NETWORKX_EDGES = 20_000
"""Largest number of edges that networkx computes. It needs 140 s and 8 GB for 5 million, networkit 30 s and 1 GB."""
_DAMPING = 0.85
_TOLERANCE = 1e-10

Ids = NDArray[np.uint64]
Pairs = NDArray[np.int64]
"""Directed edges between nodes 0…n−1, shape (edges, 2)."""


class NodeFigures(NamedTuple):
    """Figures of one account in one closed graph."""

    clustering: float
    core_number: float
    component_share: float
    log_pagerank: float


@dataclass(frozen=True, eq=False)
class ClosedGraph:
    """The figures of every account in the graph at the end of `epoch`."""

    epoch: int
    accounts: Ids
    """Account numbers in ascending order, shape (accounts,)."""
    values: NDArray[np.float64]
    """Shape (accounts, 4), the columns of `NodeFigures`."""

    def figures(self, account: int) -> NodeFigures | None:
        """Return the figures of one account; None for one without an edge."""
        # Not with numpy, which gives up the interpreter lock: the thread that computes a graph then keeps it for 5 ms.
        names = self.accounts.data
        row = bisect_left(names, account)
        if row == len(names) or names[row] != account:
            return None
        return NodeFigures(*self.values[row].tolist())


def compute_figures(followers: Ids, followed: Ids) -> tuple[Ids, NDArray[np.float64]]:
    """Return the accounts of distinct edges in ascending order, and their figures, shape (accounts, 4)."""
    accounts, nodes = np.unique(np.concatenate([followers, followed]), return_inverse=True)
    return accounts, figures_of_nodes(nodes.astype(np.int64).reshape(2, -1).T, len(accounts))


def figures_of_nodes(pairs: Pairs, size: int) -> NDArray[np.float64]:
    """Return the figures of nodes 0…size−1, shape (size, 4).

    Clustering and core number on the undirected graph, component share by weakly connected component, PageRank
    (damping 0.85) as the natural logarithm of its multiple of the mean.
    """
    if not len(pairs):
        return np.zeros((size, 4))
    return networkx_figures(pairs, size) if len(pairs) <= NETWORKX_EDGES else networkit_figures(pairs, size)


def networkx_figures(pairs: Pairs, size: int) -> NDArray[np.float64]:
    """Return the figures of nodes 0…size−1, computed by networkx."""
    directed = nx.DiGraph()
    directed.add_nodes_from(range(size))
    directed.add_edges_from(pairs.tolist())
    undirected = directed.to_undirected()
    cores, pagerank = nx.core_number(undirected), nx.pagerank(directed, _DAMPING, tol=_TOLERANCE, max_iter=1000)
    share = {node: len(part) / size for part in nx.connected_components(undirected) for node in part}
    small = [node for node, degree in undirected.degree() if degree <= HUB_DEGREE]
    clustering = nx.clustering(undirected, small)
    values = np.full((size, 4), np.nan)
    for node in range(size):
        values[node] = clustering.get(node, np.nan), cores[node], share[node], np.log(pagerank[node] * size)
    return values


def networkit_figures(pairs: Pairs, size: int) -> NDArray[np.float64]:
    """Return the same figures, computed by networkit."""
    import networkit as nk  # loading it takes a second

    nk.setNumberOfThreads(1)
    directed = _networkit_graph(pairs, size, directed=True)
    pagerank = np.array(nk.centrality.PageRank(directed, damp=_DAMPING, tol=_TOLERANCE).run().scores())
    del directed
    codes = np.unique(np.minimum(pairs[:, 0], pairs[:, 1]) * np.int64(size) + np.maximum(pairs[:, 0], pairs[:, 1]))
    ends = np.stack([codes // size, codes % size], axis=1)
    graph = _networkit_graph(ends, size, directed=False)
    degrees = np.bincount(ends.ravel(), minlength=size)
    clustering = np.array(nk.centrality.LocalClusteringCoefficient(graph, turbo=False).run().scores())
    clustering[degrees > HUB_DEGREE] = np.nan
    cores = np.array(nk.centrality.CoreDecomposition(graph).run().scores())
    parts = nk.components.ConnectedComponents(graph).run().getPartition()
    member = np.array(parts.getVector())
    share = np.bincount(member)[member] / size
    return np.stack([clustering, cores, share, np.log(pagerank / pagerank.sum() * size)], axis=1)


def _networkit_graph(pairs: Pairs, size: int, *, directed: bool) -> object:
    import networkit as nk

    ends = (pairs[:, 0].astype(np.uint64), pairs[:, 1].astype(np.uint64))
    return nk.GraphFromCoo((np.ones(len(pairs)), ends), n=size, weighted=False, directed=directed)
