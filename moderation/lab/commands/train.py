"""`moderation train`: train and certify a risk bundle from texts and a detector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moderation.lab.commands.data_manifest import DataManifest


def train_command(
    out: Annotated[Path, typer.Option("--out", help="Directory for the risk bundle.")],
    data: Annotated[Path | None, typer.Option(help="Directory with the text data.")] = None,
    texts: Annotated[
        Path | None, typer.Option(help="Instead of --data: JSON lines with id, label, source, group and text.")
    ] = None,
    detector: Annotated[
        Path | None, typer.Option(help="Directory of a detector bundle; default: the shipped one.")
    ] = None,
    small: Annotated[
        bool, typer.Option("--small", help="Run a small simulation: seconds, without a supported certificate.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the simulation; default: that of the recipe.")
    ] = None,
    data_manifest: DataManifest = None,
) -> None:
    """Train a risk model on simulated accounts that write the given texts, and certify it.

    Simulates four platforms that share no account, address or text: one for training, one for model selection, one
    for the threshold and one for the certificate. The texts must not be training texts of the detector.

    Example:  moderation train --data DIR --out my-risk-bundle

    Exit codes: 0 written (read the certificate that is printed); 2 wrong arguments or texts; 3 detector unusable.
    """
    from dataclasses import replace

    from rich.console import Console

    from moderation.detector import load_detector
    from moderation.lab.risk.recipe import Recipe, small_recipe
    from moderation.lab.risk.step_progress import StepProgress
    from moderation.lab.risk.texts import load_risk_texts
    from moderation.lab.risk.training import train_bundle
    from moderation.output_paths import check_replaceable
    from moderation.risk.bundle import read_bundle

    recipe = small_recipe() if small else Recipe()
    if seed is not None:
        recipe = replace(recipe, seed=seed)
    check_replaceable(out)
    loaded = load_detector(detector)
    read = load_risk_texts(data, texts, data_manifest)
    with StepProgress() as progress:
        train_bundle(read, loaded, recipe, out, progress)
    model = read_bundle(out)
    console = Console()
    for choice, caught in model.manifest.training["tuning"].items():
        console.print(f"tuning: {choice}: {caught:.1%} of campaign accounts")
    for policy in model.manifest.policies:
        shown = read_bundle(out, policy=policy)
        console.print(shown.describe())
        certificate = shown.certified.certificate
        for name, group in certificate.groups.items():
            console.print(f"  {group.sentence(name, certificate.confidence)}")
