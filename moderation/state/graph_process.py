"""Computes the figures of a large graph in its own process, which shares neither memory nor interpreter lock.

`python -m moderation.state.graph_process EDGES FIGURES` reads edges, shape (edges, 2), and writes accounts and figures.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moderation.state.graph_figures import Ids, compute_figures


def figures_in_process(edges: NDArray[np.uint64]) -> tuple[Ids, NDArray[np.float64]]:
    """Return the figures of edges, shape (edges, 2), as `compute_figures` does.

    Raises RuntimeError when the process fails.
    """
    with tempfile.TemporaryDirectory(prefix="moderation-graph-") as folder:
        source, target = Path(folder) / "edges.npy", Path(folder) / "figures.npz"
        np.save(source, edges)
        command = [sys.executable, "-m", "moderation.state.graph_process", str(source), str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own module
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise RuntimeError(f"the graph process ended with {done.returncode}: {last}")
        with np.load(target) as figures:
            return figures["accounts"], figures["values"]


def main() -> None:
    """Compute the figures of the edges in the first file and write them to the second one."""
    edges = np.load(sys.argv[1])
    accounts, values = compute_figures(edges[:, 0], edges[:, 1])
    np.savez(sys.argv[2], accounts=accounts, values=values)


if __name__ == "__main__":
    main()
