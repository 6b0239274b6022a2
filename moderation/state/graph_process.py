"""Computes the figures of a large graph in its own process, which shares neither memory nor interpreter lock.

`python -m moderation.state.graph_process EDGES FIGURES` reads edges, shape (edges, 2), and writes accounts and figures.
"""

from __future__ import annotations

import subprocess  # nosec B404  # runs our own programs without a shell
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moderation.state.graph_figures import Ids, compute_figures

_LOOKED_EVERY_S = 0.2


def figures_in_process(edges: NDArray[np.uint64], stop: threading.Event) -> tuple[Ids, NDArray[np.float64]]:
    """Return the figures of edges, shape (edges, 2), as `compute_figures` does; the process ends when *stop* is set.

    Raises RuntimeError when the process fails or was stopped.
    """
    with tempfile.TemporaryDirectory(prefix="moderation-graph-") as folder:
        source, target, errors = (Path(folder) / name for name in ("edges.npy", "figures.npz", "errors"))
        np.save(source, edges)
        command = [sys.executable, "-m", "moderation.state.graph_process", str(source), str(target)]
        with errors.open("wb") as written:
            process = subprocess.Popen(command, stderr=written, start_new_session=True)  # nosec B603  # noqa: S603  # our own module
            while process.poll() is None:
                if stop.wait(_LOOKED_EVERY_S):
                    process.kill()
                    process.wait()
        if process.returncode:
            lines = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no message"]
            raise RuntimeError(f"the graph process ended with {process.returncode}: {lines[-1]}")
        with np.load(target) as figures:
            return figures["accounts"], figures["values"]


def main() -> None:
    """Compute the figures of the edges in the first file and write them to the second one."""
    edges = np.load(sys.argv[1])
    accounts, values = compute_figures(edges[:, 0], edges[:, 1])
    np.savez(sys.argv[2], accounts=accounts, values=values)


if __name__ == "__main__":
    main()
