"""Closed graphs whose figures another program computes: a directory for each epoch, mapped into memory when it is read.

`epoch-K` has `manifest.json`, `accounts.npy` (account numbers in ascending order) and `values.npy` (their figures, in
the columns of `NodeFigures`). A post reads one account, so that a graph may be larger than memory.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from moderation.errors import InputError
from moderation.state.coverage import MINUTE_MS
from moderation.state.graph_figures import ClosedGraph, NodeFigures

log = logging.getLogger(__name__)

GRAPH_FORMAT = 1
MANIFEST, ACCOUNTS, VALUES = "manifest.json", "accounts.npy", "values.npy"
_KEPT = 4
"""Graphs that stay mapped: late posts read the one before."""


@dataclass(frozen=True)
class GraphManifest:
    """What the files of an epoch belong to."""

    platform_id: str
    epoch: int
    graph_epoch_s: int
    accounts: int
    format: int = GRAPH_FORMAT


def epoch_directory(directory: Path, epoch: int) -> Path:
    """Return the directory of an epoch."""
    return directory / f"epoch-{epoch}"


def write_manifest(directory: Path, manifest: GraphManifest) -> None:
    """Write the manifest of an epoch into its directory, after the other files."""
    (directory / MANIFEST).write_text(json.dumps(asdict(manifest)) + "\n", encoding="ascii")


class GraphFiles:
    """Reads the graphs of one platform from a directory, each when a post first needs it."""

    def __init__(self, directory: Path, platform_id: str, graph_epoch_s: int) -> None:
        """Raises InputError where *directory* is none."""
        if not directory.is_dir():
            raise InputError(
                f"state.graph_epochs: {directory} is not a directory; name the one that `moderation spark graph` writes"
            )
        self._directory = directory
        self._platform_id = platform_id
        self._graph_epoch_s = graph_epoch_s
        self._graphs: dict[int, ClosedGraph] = {}
        self._looked_ms: dict[int, int] = {}
        """Time of the post for which a graph that is missing was last looked for, by epoch."""

    @property
    def newest_epoch(self) -> int:
        """The newest epoch that was read; -1 before the first one."""
        return max(self._graphs, default=-1)

    def available(self) -> list[int]:
        """Return the epochs that the directory has, in ascending order, without looking into them."""
        names = [place.name.removeprefix("epoch-") for place in self._directory.glob("epoch-*")]
        return sorted(int(name) for name in names if name.isdecimal())

    def read(self, epoch: int, at_ms: int) -> ClosedGraph | None:
        """Return the graph of an epoch for a post of a time; None while it is missing or cannot be used.

        A missing one is looked for again for posts at least a minute later, and logged once.
        """
        graph = self._graphs.get(epoch)
        looked_ms = self._looked_ms.get(epoch)
        if graph is not None or epoch < 0 or (looked_ms is not None and at_ms < looked_ms + MINUTE_MS):
            return graph
        try:
            graph = self._mapped(epoch)
        except (OSError, ValueError, TypeError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            if looked_ms is None:
                log.warning(
                    "graph_epoch_missing epoch=%d: %s cannot be used (%s); graph figures are missing until "
                    "`moderation spark graph --epoch %d` has written it",
                    epoch,
                    epoch_directory(self._directory, epoch),
                    why,
                    epoch,
                )
            self._looked_ms = {**{one: at for one, at in self._looked_ms.items() if one >= epoch - _KEPT}, epoch: at_ms}
            return None
        log.info("graph_epoch_read epoch=%d accounts=%d", epoch, len(graph.accounts))
        self._looked_ms.pop(epoch, None)
        self._graphs[epoch] = graph
        for old in sorted(self._graphs)[:-_KEPT]:
            del self._graphs[old]
        return graph

    def _mapped(self, epoch: int) -> ClosedGraph:
        """Return a graph. Raises OSError or ValueError where it cannot be read, TypeError for an unknown manifest."""
        place = epoch_directory(self._directory, epoch)
        found = GraphManifest(**json.loads((place / MANIFEST).read_bytes()))
        wanted = GraphManifest(self._platform_id, epoch, self._graph_epoch_s, found.accounts)
        if found != wanted:
            raise ValueError(f"it has {found}, needed is {wanted}")
        accounts, values = (np.load(place / name, mmap_mode="r", allow_pickle=False) for name in (ACCOUNTS, VALUES))
        if (accounts.dtype, values.dtype) != (np.uint64, np.float64) or (accounts.shape, values.shape) != (
            (found.accounts,),
            (found.accounts, len(NodeFigures._fields)),
        ):
            raise ValueError(f"{ACCOUNTS} or {VALUES} has another shape than its manifest")
        return ClosedGraph(epoch, accounts, values)
