"""``python -m tests.bench.companion CHECKPOINT``: a companion at each precision beside PyTorch at fp32, in one run.

Tokens are drawn at random, lengths log-normal (median 35 tokens, σ 1, cut at 254), fixed seed: speed is measured, not
figures. Each text is read alone by one thread, as a companion does.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from export.causal.bundle import CompanionOrder, write_companion
from export.causal.checkpoint import load_causal
from export.causal.parity import torch_expectations
from moderation.detector.companion.manifest import CompanionPrecision, read_companion_manifest
from moderation.detector.companion.session import ExpectationRunner
from tests.bench.detector.turns import Way, best_of_turns
from tests.bench.figures_file import measured_into

_MOST_TOKENS = 254
_PRECISIONS: tuple[CompanionPrecision, ...] = ("fp32", "int8", "int8-dynamic")


def drawn(count: int, vocabulary: int, most: int, seed: int = 1) -> list[NDArray[np.int64]]:
    """Return *count* sequences of token ids, of 4 to *most* tokens after the first."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(np.exp(rng.normal(np.log(35), 1, count)).round(), 4, most).astype(int)
    return [rng.integers(0, vocabulary, length + 1) for length in lengths]


def measured(source: Path, folder: Path, texts: int, rounds: int, most: int = _MOST_TOKENS) -> dict[str, Any]:
    """Return tokens a second of each precision and of PyTorch, and how many times as fast the precisions are.

    Raises InputError for a checkpoint that no companion can be made of.
    """
    torch.set_num_threads(1)
    checkpoint = load_causal(source, most)
    bundle = write_companion(source, folder / "companion", CompanionOrder("bench", _PRECISIONS, max_tokens=most))
    manifest, _ = read_companion_manifest(bundle)
    sequences = drawn(texts, checkpoint.vocabulary, most)
    runners = {name: ExpectationRunner(bundle / entry.file, 1) for name, entry in manifest.precisions.items()}

    def way(runner: ExpectationRunner) -> Way:
        return lambda: [float(found.log_probability.mean()) for found in runner.expectations(sequences)]

    ways: dict[str, Way] = {name: way(runner) for name, runner in runners.items()}
    ways["PyTorch"] = lambda: [
        float(found.log_probability.mean()) for found in torch_expectations(checkpoint, sequences)
    ]
    seconds, _ = best_of_turns(ways, rounds)
    tokens = sum(len(sequence) - 1 for sequence in sequences)
    return {
        "checkpoint": source.name,
        "parameters": sum(weights.numel() for weights in checkpoint.network.parameters()),
        "texts": texts,
        "tokens": tokens,
        "rounds": rounds,
        "tokens_per_s": {name: round(tokens / value, 1) for name, value in seconds.items()},
        "times_as_fast_as_pytorch": {name: round(seconds["PyTorch"] / seconds[name], 2) for name in runners},
        "megabytes": {
            name: round((bundle / entry.file).stat().st_size / 1e6, 1) for name, entry in manifest.precisions.items()
        },
        "parity": {name: entry.parity.model_dump() for name, entry in manifest.precisions.items()},
    }


def main() -> None:
    """Run the comparison and print it; a user's error becomes one sentence and its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="Hugging Face directory or .gguf file of a Llama")
    parser.add_argument("--texts", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3, help="of all ways in turn; the best of each counts")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()

    def measure() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            return measured(arguments.checkpoint, Path(folder), arguments.texts, arguments.rounds)

    report = measured_into(arguments.out, measure)
    table = Table(
        "precision", "MB", "tokens/s", "as fast as PyTorch", "mean difference, nats", "curvature, correlation"
    )
    for name, factor in report["times_as_fast_as_pytorch"].items():
        parity = report["parity"][name]
        correlation = parity["curvature_correlation"]
        table.add_row(
            name, str(report["megabytes"][name]), str(report["tokens_per_s"][name]), f"{factor} ×",
            f"{parity['mean_log_probability_difference']:.2g}", "" if correlation is None else f"{correlation:.4f}",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
