"""``python -m tests.bench.detector``: posts and tokens a second, beside PyTorch, in one run.

RoBERTa-base size with random weights, lengths log-normal (median 35 tokens, σ 1, cut at 510), fixed seed: speed is
measured, not scores. On the CPU ours runs at int8, each text alone, where a score cannot depend on its neighbours; on
a GPU at fp16, in batches by length, which PyTorch gets too. Everybody starts from text: tokenisation counts on all
sides. A token counts where it is of a text; padding does not. The ceiling is one large MatMul in onnxruntime at the
same precision, measured in the same run. Attention between tokens and the head are not counted in the share of it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from moderation.errors import SettingsError
from tests.bench.detector.network import texts, write_checkpoint
from tests.bench.detector.on_cpu import measured_on_cpu
from tests.bench.detector.on_gpu import gpu_missing, measured_at_fp16
from tests.bench.figures_file import measured_into


def main() -> None:
    """Run the comparison and print it; a user's error becomes one sentence and its exit code."""
    warnings.simplefilter("ignore")
    arguments = _arguments()
    report = measured_into(arguments.out, lambda: _measured(arguments))
    console = Console()
    console.print("Random weights: speed is measured, not scores.")
    missing = gpu_missing()
    if arguments.device == "auto" and missing:
        console.print(f"The CPU alone is measured. {missing}")
    for table in _tables(report):
        console.print(table)
    console.print_json(json.dumps(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: the CPU, and a GPU where there is one"
    )
    parser.add_argument("--posts", type=int, default=192)
    parser.add_argument("--gpu-posts", type=int, default=8192, help="a GPU needs more of them to be busy")
    parser.add_argument("--rounds", type=int, default=3, help="of all ways in turn; the best of each counts")
    parser.add_argument("--small", action="store_true", help="a tiny model, to try the command")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    return parser.parse_args()


def _measured(arguments: argparse.Namespace) -> dict[str, Any]:
    if min(arguments.posts, arguments.gpu_posts, arguments.rounds) < 1:
        raise SettingsError("--posts, --gpu-posts and --rounds must be 1 or more.")
    missing = gpu_missing()
    if arguments.device == "cuda" and missing:
        raise SettingsError(missing)
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint = folder / "checkpoint"
        write_checkpoint(checkpoint, small=arguments.small)
        # The GPU first: where it cannot be used, nobody has waited for the CPU.
        if arguments.device != "cpu" and not missing:
            report["gpu"] = measured_at_fp16(checkpoint, folder, texts(arguments.gpu_posts), arguments.rounds)
        if arguments.device != "cuda":
            report |= measured_on_cpu(checkpoint, folder, texts(arguments.posts), arguments.rounds)
    return report


def _tables(report: dict[str, Any]) -> list[Table]:
    tables = []
    if "times_as_fast" in report:
        share = f"{report['ours_share_of_matmul_ceiling']:.0%} of the matmul ceiling"
        title = f"ours: {report['ours_posts_per_s']} posts/s, {report['ours_tokens_per_s']:.0f} tokens/s, {share}"
        table = Table(
            "PyTorch fp32", "posts/s", "tokens/s", "ours is faster by", "goal", title=title, caption=_ceiling(report)
        )
        for kind, factor in report["times_as_fast"].items():
            posts, tokens = report["torch_posts_per_s"][kind], report["torch_tokens_per_s"][kind]
            table.add_row(kind, str(posts), f"{tokens:.0f}", f"{factor} ×", f"{report['goals'][kind]} ×")
        tables.append(table)
    if gpu := report.get("gpu"):
        title = f"{gpu['device']}: ours is {gpu['times_as_fast_as_torch']} × as fast"
        table = Table("fp16", "tokens/s", "of the matmul ceiling", title=title, caption=_ceiling(gpu))
        for kind, rate in gpu["tokens_per_s"].items():
            table.add_row(kind, f"{rate:.0f}", f"{gpu['share_of_matmul_ceiling'][kind]:.0%}")
        tables.append(table)
    return tables


def _ceiling(measured: dict[str, Any]) -> str:
    return f"the ceiling: {measured['matmul_ceiling']}, {measured['matmul_ceiling_teraflops']} TFLOP/s"


if __name__ == "__main__":
    main()
