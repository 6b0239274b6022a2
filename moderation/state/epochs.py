"""Graph figures by event-time epoch: a post in epoch k reads the graph that was closed with epoch k−2.

An epoch is closed some time after its end, with the changes up to its end, so that small disorder changes nothing. The
figures are computed in the background. A reader that is early waits, so that no result depends on the speed of the
machine. A graph that no post can read any more is not computed. With figures from files nothing is computed here.
"""

from __future__ import annotations

import logging
import threading
from array import array
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from moderation.state.coverage import DAY_MS
from moderation.state.edges import NO_ROWS, Edges, Folded, Rows, fold
from moderation.state.follows import FollowGraph
from moderation.state.graph_figures import NETWORKX_EDGES, ClosedGraph, figures_of_nodes
from moderation.state.graph_files import GraphFiles
from moderation.state.graph_process import figures_in_process

log = logging.getLogger(__name__)

CLOSED_AFTER_MS = 1_800_000
"""Time from the end of an epoch until it is closed; at most half an epoch."""
_WAITED_S = 1.0
_UNFOLLOWS_KEPT_MS = DAY_MS


@dataclass
class _Closing:
    epoch: int
    wanted: bool = True
    graph: ClosedGraph | None = None
    """The computed graph; None before, for one that is not wanted any more, and after a failure."""
    computed: Future[None] = field(default_factory=Future)


@dataclass(frozen=True)
class SavedGraphs:
    """The edges as of the last computed graph, the changes since then, and the graphs that posts can read."""

    base_epoch: int
    base: Folded
    rows: tuple[Rows, ...]
    closed: tuple[ClosedGraph, ...]


class GraphEpochs:
    """Keeps the closed graphs that posts can still read: the newest with epoch ≤ k−2 and all later ones."""

    def __init__(self, graph: FollowGraph, epoch_ms: int) -> None:
        self._graph = graph
        self._epoch_ms = epoch_ms
        self._slack_ms = min(CLOSED_AFTER_MS, epoch_ms // 2)
        self.files: GraphFiles | None = None
        """The figures that another program computes; None: they are computed here."""
        self._closable = -1
        self._rows: dict[int, array[int]] = {}
        """Changes of the open epochs, three numbers each."""
        self._closed: list[_Closing] = []
        self._folded: tuple[int, Folded] = (-1, Folded())
        self._unfolded: list[tuple[int, Rows]] = []
        """Closed changes that are not in `_folded` yet, by epoch."""
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        """Held while `_folded` and `_unfolded` change together."""
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="graph-epoch")
        self.on_wait: Callable[[], None] = lambda: None
        """Called every second while a reader waits, because a large graph takes longer than the watchdog permits."""

    def read_from(self, directory: Path, platform_id: str) -> None:
        """Read the figures from a directory, where another program writes them, and compute none."""
        self.files = GraphFiles(directory, platform_id, self._epoch_ms // 1000)

    def advance(self, at_ms: int) -> None:
        """Close the epochs that ended long enough before a time. Earlier times than before are ignored."""
        closable = (at_ms - self._slack_ms) // self._epoch_ms - 1
        if closable > self._closable:
            self._closable = closable
            for ended in sorted(open_epoch for open_epoch in self._rows if open_epoch <= closable):
                self._close(ended, _as_rows(self._rows.pop(ended)))
        # A post that is late by less than the slack still reads the graph before.
        while len(self._closed) > 1 and self._closed[1].epoch <= closable - 1:
            self._closed.pop(0).wanted = False

    def note(self, follower: int, followed: int, at_ms: int, *, follows: bool, effect: bool) -> None:
        """Record a change; one of a closed epoch belongs to the next one, if it has an effect on the current edges."""
        epoch = at_ms // self._epoch_ms
        if epoch <= self._closable:
            if not effect:
                return
            epoch = self._closable + 1
        rows = self._rows.get(epoch)
        if rows is None:
            rows = self._rows[epoch] = array("Q")
        rows.extend((at_ms << 1 | follows, follower, followed))

    def _close(self, epoch: int, rows: Rows) -> None:
        closing = _Closing(epoch)
        self._closed.append(closing)
        with self._lock:
            self._unfolded.append((epoch, rows))
        closing.computed = self._worker.submit(self._try_compute, closing)

    def _try_compute(self, closing: _Closing) -> None:
        """Compute the figures in the background thread; after a failure the graph is missing, and its changes stay."""
        try:
            if closing.wanted:
                self._compute(closing)
        except Exception:  # of any kind, such as no memory or no disk: the loop goes on without these figures
            if not self._stopped.is_set():
                log.exception("the figures of the follow graph could not be computed; they are missing for an epoch")

    def _compute(self, closing: _Closing) -> None:
        with self._lock:
            base, changes = self._folded[1], [rows for epoch, rows in self._unfolded if epoch <= closing.epoch]
        ended_ms = closing.epoch * self._epoch_ms - _UNFOLLOWS_KEPT_MS
        folded = fold(base, np.concatenate([NO_ROWS, *changes]), max(ended_ms, 0))
        graph = None if self.files is not None else self._closed_graph(closing.epoch, folded.edges)
        with self._lock:
            closing.graph = graph
            self._folded = (closing.epoch, folded)
            self._unfolded = [entry for entry in self._unfolded if entry[0] > closing.epoch]

    def _closed_graph(self, epoch: int, edges: Edges) -> ClosedGraph:
        pairs, size = edges.pairs(), len(edges.accounts)
        if len(edges) <= NETWORKX_EDGES:
            return ClosedGraph(epoch, edges.accounts, figures_of_nodes(pairs.astype(np.int64), size))
        return ClosedGraph(epoch, edges.accounts, figures_in_process(pairs, size, self._stopped))

    def read(self, at_ms: int) -> ClosedGraph | None:
        """Return the graph for a post of this time, after waiting for it where needed; None before the first one.

        A graph from files must be that of the epoch k−2 itself; None while it is missing.
        """
        epoch = at_ms // self._epoch_ms
        if self.files is not None:
            return self.files.read(epoch - 2, at_ms)
        for closing in reversed(self._closed):
            if closing.epoch <= epoch - 2:
                return self._awaited(closing)
        return None

    def missing(self, at_ms: int) -> bool:
        """Return whether the figures come from files and those for a post of this time are not there."""
        return self.files is not None and self.read(at_ms) is None

    def _awaited(self, closing: _Closing) -> ClosedGraph | None:
        if not closing.computed.done():
            while not wait([closing.computed], timeout=_WAITED_S).done:
                self.on_wait()
        return closing.graph

    @property
    def computed_epoch(self) -> int:
        """The epoch of the last computed graph, whose edges a checkpoint keeps; -1 before the first one."""
        return self._folded[0]

    @property
    def newest_epoch(self) -> int:
        """The epoch of the newest graph with figures; -1 before the first one."""
        return self._folded[0] if self.files is None else self.files.newest_epoch

    def dump(self) -> SavedGraphs:
        """Return what a checkpoint keeps. Does not wait: a graph that is not computed yet is computed again later."""
        with self._lock:
            base_epoch, base = self._folded
            rows = [rows for _, rows in self._unfolded]
            graphs = [closing.graph for closing in self._closed if closing.graph is not None]
        still_open = [_as_rows(array("Q", some)) for some in self._rows.values()]
        return SavedGraphs(base_epoch, base, (*rows, *still_open), tuple(graphs))

    def load(self, base_epoch: int, base: Folded, closed: tuple[ClosedGraph, ...], first_ms: int | None) -> None:
        """Restore what was dumped, before the changes since then are applied again."""
        self._folded = (base_epoch, base)
        self._closable = base_epoch
        self._graph.load(base, first_ms)
        for graph in closed:
            closing = _Closing(graph.epoch, graph=graph)
            closing.computed.set_result(None)
            self._closed.append(closing)

    def use(self, base_epoch: int, base: Folded, closed: tuple[ClosedGraph, ...]) -> None:
        """Use equal graphs, whose arrays are in files, in place of those in memory that were dumped."""
        with self._lock:
            if self._folded[0] == base_epoch:
                self._folded = (base_epoch, base)
        written = {graph.epoch: graph for graph in closed}
        for closing in self._closed:
            if closing.graph is not None:
                closing.graph = written.get(closing.epoch, closing.graph)

    def close(self) -> None:
        """Stop the background work."""
        self._stopped.set()
        for closing in self._closed:
            closing.wanted = False
        self._worker.shutdown(wait=True, cancel_futures=True)


def _as_rows(numbers: array[int]) -> Rows:
    """Return an array that is not changed any more as rows, without a copy."""
    return np.frombuffer(numbers, dtype=np.uint64).reshape(-1, 3)
