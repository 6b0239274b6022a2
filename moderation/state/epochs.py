"""Graph figures by event-time epoch: a post in epoch k reads the graph that was closed with epoch k−2.

The figures are computed in the background within an epoch. A reader that is early waits, so that no result depends on
the speed or the clock of the machine. Closing an epoch passes only its changes, and a graph that no post can read any
more is not computed.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from moderation.state.follows import Change, Edge, FollowGraph
from moderation.state.graph_figures import ClosedGraph, compute_figures

_TOLD_EVERY_S = 1.0


@dataclass
class _Closing:
    epoch: int
    wanted: bool = True
    graph: Future[ClosedGraph | None] = field(default_factory=Future)


@dataclass(frozen=True)
class SavedEpochs:
    """Epochs in a snapshot; `pending` are the changes since the last closed epoch."""

    current: int | None
    pending: list[Change]
    closed: list[tuple[int, list[str], list[list[float]]]]


class GraphEpochs:
    """Keeps the closed graphs that posts can still read: the newest with epoch ≤ k−2 and all later ones."""

    def __init__(self, graph: FollowGraph, epoch_ms: int) -> None:
        self._graph = graph
        self._epoch_ms = epoch_ms
        self._current: int | None = None
        self._closed: list[_Closing] = []
        self._edges: set[Edge] = set()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="graph-refresh")
        self.on_wait: Callable[[], None] = lambda: None
        """Called every second while a reader waits, because a large graph takes longer than the watchdog permits."""

    def advance(self, at_ms: int) -> None:
        """Close the epochs before an event of this time, before the event changes the graph. Ignores late events."""
        epoch = at_ms // self._epoch_ms
        if self._current is not None and epoch <= self._current:
            return
        if self._current is not None and self._graph.pending:
            self._close(self._current)
        self._current = epoch
        while len(self._closed) > 1 and self._closed[1].epoch <= epoch - 2:
            self._closed.pop(0).wanted = False

    def _close(self, epoch: int) -> None:
        closing, changes = _Closing(epoch), self._graph.take_changes()
        self._closed.append(closing)
        closing.graph = self._worker.submit(self._refresh, closing, changes)

    def _refresh(self, closing: _Closing, changes: list[Change]) -> ClosedGraph | None:
        """Compute the figures; runs in the background thread, the only user of `_edges`."""
        for follower, followed, follows in changes:
            (self._edges.add if follows else self._edges.discard)((follower, followed))
        return compute_figures(closing.epoch, sorted(self._edges)) if closing.wanted else None

    def read(self, at_ms: int) -> ClosedGraph | None:
        """Return the graph for a post of this time, after waiting for it where needed; None before the first one."""
        epoch = at_ms // self._epoch_ms
        fitting = [closing for closing in self._closed if closing.epoch <= epoch - 2]
        return self._awaited(fitting[-1]) if fitting else None

    def _awaited(self, closing: _Closing) -> ClosedGraph | None:
        while not wait([closing.graph], timeout=_TOLD_EVERY_S).done:
            self.on_wait()
        return closing.graph.result()

    def dump(self) -> SavedEpochs:
        """Return the content of a snapshot, including the figures of closed graphs."""
        graphs = [graph for closing in self._closed if (graph := self._awaited(closing)) is not None]
        return SavedEpochs(
            current=self._current,
            pending=list(self._graph.pending),
            closed=[(graph.epoch, list(graph.rows), graph.values.tolist()) for graph in graphs],
        )

    def load(self, saved: SavedEpochs) -> None:
        """Restore dumped epochs, after the graph."""
        self._current = saved.current
        self._edges = set(self._graph.edges())
        for follower, followed, follows in reversed(saved.pending):
            (self._edges.discard if follows else self._edges.add)((follower, followed))
        for epoch, accounts, values in saved.closed:
            closing = _Closing(epoch)
            closing.graph.set_result(ClosedGraph.of(epoch, accounts, values))
            self._closed.append(closing)

    def close(self) -> None:
        """Stop the background thread."""
        self._worker.shutdown(wait=True, cancel_futures=True)
