"""``moderation detector``: train and evaluate the text detector on data that is not in the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moderation.errors import SettingsError

app = typer.Typer(no_args_is_help=True, help="Train and evaluate the text detector.")

_NEEDS_EXPORT = "Training and evaluating need PyTorch: pip install 'moderation-sidecar[export]'."


@app.command()
def train(
    data: Annotated[Path, typer.Option(help="Folder with text_train.jsonl.zst.")],
    out: Annotated[Path, typer.Option(help="Where the checkpoint and the log go; a run found there is continued.")],
    start_from: Annotated[
        Path | None, typer.Option("--from", help="Encoder checkpoint to start from (the MiniLM of the export extra).")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the whole run.")] = 2000,
    batch_texts: Annotated[int, typer.Option(min=2, help="Texts in a step.")] = 64,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="Highest learning rate.")] = 2e-4,
    seed: Annotated[int, typer.Option(help="The same seed and plan give the same run.")] = 1,
    threads: Annotated[int, typer.Option(min=0, help="Threads to compute with; 0 takes every core.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the detector on part A of the text data; stop it at any time, the same command continues."""
    try:
        import torch

        from moderation.training.detector.loop import TrainingPlan
        from moderation.training.detector.loop import train as run
        from moderation.training.detector.pretrained import minilm_directory
    except ImportError as error:
        raise SettingsError(_NEEDS_EXPORT) from error
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingsError("There is no CUDA device here; leave --device out to train on the CPU.")
    if threads:
        torch.set_num_threads(threads)
    plan = TrainingPlan(steps=steps, batch_texts=batch_texts, peak_learning_rate=learning_rate, seed=seed)
    run(data, out, start_from or minilm_directory(), plan, torch.device(device))
