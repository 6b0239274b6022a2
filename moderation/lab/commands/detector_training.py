"""``moderation detector train``: train the encoder or the n-grams of a detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moderation.directories import exclusive
from moderation.errors import SettingsError
from moderation.lab.commands.data_manifest import DataManifest

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from moderation.detector.manifest import NgramUnit
    from moderation.lab.detector.ngrams.fit import Figures

NEEDS_EXPORT = "Training and evaluating need PyTorch: pip install -e '.[export]' in its source directory."

_NGRAM_UNITS: dict[str, NgramUnit] = {"ngrams": "characters", "words": "words"}
_ENCODER_OPTIONS = {
    "start_from": "--from",
    "steps": "--steps",
    "batch_texts": "--batch-texts",
    "learning_rate": "--learning-rate",
    "attacked_share": "--attacked-share",
    "hard_negative_share": "--hard-negative-share",
    "hard_negative_from": "--hard-negative-from",
    "bf16": "--bf16",
    "threads": "--threads",
    "device": "--device",
}

Bf16 = Annotated[
    bool, typer.Option("--bf16", help="Compute the encoder in bfloat16: faster where the processor supports it.")
]
MOST_SEED = 2**32 - 1
"""The largest seed that every random number generator in use accepts."""


def train(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="Directory with text_train.jsonl.zst.")],
    out: Annotated[Path, typer.Option(help="Directory for checkpoint and log; a run found there is continued.")],
    kind: Annotated[
        str, typer.Option(help="encoder; or, in minutes on one core, ngrams (2 to 5 characters) or words (1 or 2).")
    ] = "encoder",
    start_from: Annotated[
        Path | None, typer.Option("--from", help="Encoder checkpoint to start from; default: MiniLM.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Number of steps of the run.")] = 2000,
    batch_texts: Annotated[int, typer.Option(min=2, help="Number of texts in a step.")] = 64,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="Highest learning rate.")] = 2e-4,
    attacked_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the texts that are used after an attack.")
    ] = 0.25,
    hard_negative_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the human draws taken from human texts with high scores.")
    ] = 0.0,
    hard_negative_from: Annotated[
        int, typer.Option(min=0, help="Step of the first search for such texts; may be set when a run is continued.")
    ] = 0,
    all_rows: Annotated[
        bool, typer.Option("--all-rows", help="Also use rows whose licence forbids published weights.")
    ] = False,
    bf16: Bf16 = False,
    seed: Annotated[
        int, typer.Option(min=0, max=MOST_SEED, help="The same seed and plan give the same CPU run on one machine.")
    ] = 1,
    threads: Annotated[int, typer.Option(min=0, help="Threads to compute with; 0: every core.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    data_manifest: DataManifest = None,
) -> None:
    """Train the detector on part A of the text data. An interrupted encoder run continues with the same command.

    Example:  moderation detector train --data DIR --out encoder-run --steps 1100
    """
    if kind in _NGRAM_UNITS:
        _refuse_encoder_options(context, kind)
        _train_ngrams(data, out, _NGRAM_UNITS[kind], seed, all_rows=all_rows, data_manifest=data_manifest)
        return
    if kind != "encoder":
        raise SettingsError(f"--kind must be encoder, ngrams or words, got {kind!r}.")
    if hard_negative_share == 0 and was_given(context, "hard_negative_from"):
        raise SettingsError("--hard-negative-from has no effect without a --hard-negative-share above 0.")
    try:
        from moderation.lab.checkpoints.minilm import minilm_directory
        from moderation.lab.detector.loop import train as run
        from moderation.lab.detector.plans import TrainingPlan
    except ImportError as error:
        raise SettingsError(NEEDS_EXPORT) from error
    computing = device_with(threads, device)
    plan = TrainingPlan(
        steps=steps,
        batch_texts=batch_texts,
        peak_learning_rate=learning_rate,
        attacked_share=attacked_share,
        hard_negative_share=hard_negative_share,
        hard_negative_from=hard_negative_from,
        all_rows=all_rows,
        seed=seed,
        bf16=bf16,
    )
    with exclusive(out):
        run(data, out, start_from or minilm_directory(), plan, computing, data_manifest)


def _refuse_encoder_options(context: typer.Context, kind: str) -> None:
    given = [option for name, option in _ENCODER_OPTIONS.items() if was_given(context, name)]
    if given:
        raise SettingsError(f"{', '.join(given)} has no effect with --kind {kind}; remove it.")


def device_with(threads: int, device: str) -> torch.device:
    """Set the number of CPU threads and return the device to compute on. Raises SettingsError."""
    import torch

    if device not in ("cpu", "cuda"):
        raise SettingsError(f"--device must be cpu or cuda, got {device!r}.")
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingsError("No CUDA device was found; remove --device to compute on the CPU.")
    if threads:
        torch.set_num_threads(threads)
    return torch.device(device)


def was_given(context: typer.Context, name: str) -> bool:
    """Return whether the option of the parameter *name* was given, also where it equals the default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _train_ngrams(
    data: Path, out: Path, unit: NgramUnit, seed: int, *, all_rows: bool, data_manifest: Path | None
) -> None:
    from rich.console import Console

    try:
        from moderation.lab.detector.ngrams.fit import NgramPlan, train_ngrams
    except ImportError as error:
        raise SettingsError(NEEDS_EXPORT) from error
    console = Console()
    plan = NgramPlan(unit=unit, seed=seed, all_rows=all_rows)
    with exclusive(out):
        figures = train_ngrams(data, out, plan, lambda step: console.print(step, highlight=False), data_manifest)
    _print_figures(console, figures)


def _print_figures(console: Console, figures: Figures) -> None:
    from rich.table import Table

    table = Table("source", "AUROC", "TPR at 5 % FPR", "TPR at 1 % FPR", title="texts held out from training")
    for source, row in figures.items():
        table.add_row(source, *(str(row.get(name, "")) for name in ("auroc", "tpr_at_5_percent", "tpr_at_1_percent")))
    console.print(table)
