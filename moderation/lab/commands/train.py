"""`moderation train`: train and certify a risk bundle on simulated or on own accounts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moderation.lab.commands.data_manifest import DataManifest

if TYPE_CHECKING:
    from rich.console import Console

    from moderation.detector import Detector
    from moderation.lab.risk.recipe import Recipe
    from moderation.lab.risk.step_progress import StepProgress
    from moderation.lab.risk.training import Scored


def train_command(
    out: Annotated[Path, typer.Option("--out", help="Directory for the risk bundle.")],
    data: Annotated[Path | None, typer.Option(help="Directory with the text data.")] = None,
    texts: Annotated[
        Path | None, typer.Option(help="Instead of --data: JSON lines with id, label, source, group and text.")
    ] = None,
    events: Annotated[
        list[Path] | None,
        typer.Option(help="Instead of both: your platform's events as JSON lines, with its labels. Repeatable."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file with the settings: the mapping of your events, follows.")
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
    """Train a risk model and certify it, on simulated accounts that write the given texts or on your own accounts.

    With --data or --texts, four simulated platforms share no account, address or person: one for training, one for
    model selection, one for the threshold and one for the certificate. The texts must not be training texts of the
    detector. With --events, your accounts are split in four such parts; those that a label event confirms are the
    campaigns, all others are genuine.

    Example:  moderation train --data DIR --out my-risk-bundle

    Example:  moderation train --events events.jsonl --config sidecar.toml --out my-risk-bundle

    Exit codes: 0 written (read the certificate that is printed); 2 wrong arguments, texts or events; 3 detector
    unusable.
    """
    from dataclasses import replace

    from rich.console import Console

    from moderation.detector import load_detector
    from moderation.lab.risk.recipe import Recipe, small_recipe
    from moderation.lab.risk.step_progress import StepProgress
    from moderation.lab.risk.training import train_bundle
    from moderation.output_paths import check_replaceable

    recipe = small_recipe() if small else Recipe()
    if seed is not None:
        recipe = replace(recipe, seed=seed)
    check_replaceable(out)
    loaded = load_detector(detector)
    with StepProgress() as progress:
        if events:
            _refuse_with_events(data, texts, data_manifest)
            found, recipe = _from_events(events, config, loaded, recipe, progress)
        else:
            found = _from_texts(data, texts, data_manifest, loaded, recipe, progress)
        train_bundle(found, loaded.manifest_hash, recipe, out, progress)
    _print_bundle(out, Console())


def _refuse_with_events(*others: Path | None) -> None:
    from moderation.errors import InputError

    if any(other is not None for other in others):
        raise InputError("--events trains on your own accounts: remove --data, --texts and --data-manifest.")


def _from_texts(
    data: Path | None,
    texts: Path | None,
    data_manifest: Path | None,
    detector: Detector,
    recipe: Recipe,
    progress: StepProgress,
) -> Scored:
    from moderation.lab.risk.texts import load_risk_texts
    from moderation.lab.risk.training import simulated

    return simulated(load_risk_texts(data, texts, data_manifest), detector, recipe, progress)


def _from_events(
    files: list[Path], config: Path | None, detector: Detector, recipe: Recipe, progress: StepProgress
) -> tuple[Scored, Recipe]:
    from moderation.checksum import sha256_of
    from moderation.events import Post
    from moderation.events.reading import RecordReader
    from moderation.lab.risk.own_events import by_role, collect_events, horizon, read_events
    from moderation.lab.risk.training import scored
    from moderation.settings import load_settings

    settings = load_settings(config)
    items = read_events(files, RecordReader(settings.field_mapping()))
    progress.step("Extracting features", sum(isinstance(item.content, Post) for item in items))
    coverage = settings.state.of_a_file().coverage()
    posts = collect_events(items, settings.state.graph_epoch_s, coverage, progress.advance)
    sources = {
        "files": [file.name for file in files],
        "sha256": [sha256_of(file) for file in files],
        "events": len(items),
        "accounts": len(posts.truth),
    }
    own = horizon(posts, recipe)
    return scored(by_role(posts), detector, progress, simulated=False, sources=sources), own


def _print_bundle(out: Path, console: Console) -> None:
    from moderation.risk.bundle import read_bundle

    model = read_bundle(out)
    for choice, caught in model.manifest.training["tuning"].items():
        console.print(f"tuning: {choice}: {caught:.1%} of campaign accounts")
    for policy in model.manifest.policies:
        shown = read_bundle(out, policy=policy)
        console.print(shown.describe())
        certificate = shown.certified.certificate
        for name, group in certificate.groups.items():
            console.print(f"  {group.sentence(name, certificate.confidence)}")
