"""Time and memory of one epoch of whole-graph figures, in its own process: `python -m tests.bench.graph`.

Followers are drawn evenly, the followed by a power law. `--edges 10000000 --nodes 1000000` is the size of the goal.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from moderation.state.edges import Folded, Rows, fold
from moderation.state.graph_process import figures_in_process
from tests.bench.figures_file import measured_into
from tests.bench.processor import processor


def random_follows(nodes: int, edges: int) -> Rows:
    """Return follows of a day, none of oneself; some edges are there twice."""
    rng = np.random.default_rng(1)
    weights = 1 / np.arange(1, nodes + 1) ** 0.6
    names = rng.permutation(nodes).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    times = rng.integers(0, 86_400_000, edges).astype(np.uint64) << np.uint64(1) | np.uint64(1)
    followers = names[rng.integers(0, nodes, edges)]
    followed = names[rng.choice(nodes, edges, p=weights / weights.sum())]
    return np.stack([times, followers, followed], axis=1)[followers != followed]


def measure(nodes: int, edges: int) -> dict[str, Any]:
    """Return the figures of one epoch."""
    rows = random_follows(nodes, edges)
    began = time.perf_counter()
    distinct = fold(Folded(), rows, 0).edges
    folding_s = time.perf_counter() - began
    began = time.perf_counter()
    figures_in_process(distinct.pairs(), len(distinct.accounts), threading.Event())
    return {
        "processor": processor(),
        "nodes": len(distinct.accounts),
        "edges": len(distinct),
        "fold_s": round(folding_s, 1),
        "process_s": round(time.perf_counter() - began, 1),
        "process_mib": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=100_000)
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    report = measured_into(arguments.out, lambda: measure(arguments.nodes, arguments.edges))
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
