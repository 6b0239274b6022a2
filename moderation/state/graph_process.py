"""Computes the figures of a large graph in its own process, which shares neither memory nor interpreter lock.

`python -m moderation.state.graph_process EDGES NODES FIGURES` reads pairs of nodes 0…NODES−1 and writes their figures.
"""

from __future__ import annotations

import subprocess  # nosec B404  # runs our own programs without a shell
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moderation.state.graph_figures import figures_of_nodes

_LOOKED_EVERY_S = 0.2


def figures_in_process(pairs: NDArray[np.uint32], size: int, stop: threading.Event) -> NDArray[np.float64]:
    """Return the figures of nodes 0…size−1, as `figures_of_nodes` does; the process ends when *stop* is set.

    *pairs* are edges between the nodes, shape (edges, 2). Raises RuntimeError when the process fails or was stopped.
    """
    with tempfile.TemporaryDirectory(prefix="moderation-graph-") as folder:
        source, target, errors = (Path(folder) / name for name in ("edges.npy", "figures.npy", "errors"))
        np.save(source, pairs)
        command = [sys.executable, "-m", "moderation.state.graph_process", str(source), str(size), str(target)]
        with errors.open("wb") as written:
            process = subprocess.Popen(command, stderr=written, start_new_session=True)  # nosec B603  # noqa: S603  # our own module
            while process.poll() is None:
                if stop.wait(_LOOKED_EVERY_S):
                    process.kill()
                    process.wait()
        if process.returncode:
            lines = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no message"]
            raise RuntimeError(f"the graph process ended with {process.returncode}: {lines[-1]}")
        figures: NDArray[np.float64] = np.load(target)
        return figures


def main() -> None:
    """Compute the figures of the edges in the first file and write them to the second one."""
    pairs = np.load(sys.argv[1])
    np.save(sys.argv[3], figures_of_nodes(pairs.astype(np.int64), int(sys.argv[2])))


if __name__ == "__main__":
    main()
