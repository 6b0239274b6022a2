"""`moderation train`: train and certify a risk bundle on simulated accounts, own events or own reviews."""

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
    from moderation.ports import JudgedPostsReader
    from moderation.settings import Settings


def train_command(
    ctx: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", help="Directory for the risk bundle; an older bundle there is replaced.")
    ],
    data: Annotated[Path | None, typer.Option(help="Directory with the text data.")] = None,
    texts: Annotated[
        Path | None, typer.Option(help="Instead of --data: JSON lines with id, label, source, group and text.")
    ] = None,
    events: Annotated[
        list[Path] | None,
        typer.Option(help="Instead of both: your platform's events as JSON lines, with its labels. Repeatable."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Instead of these: the review database, with what people decided there."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file with the settings: mapping and follows of your events, models of your flags."),
    ] = None,
    detector: Annotated[
        Path | None,
        typer.Option(
            help="Directory of a detector bundle; default: with --events that of the settings, or the shipped."
        ),
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
    campaigns, all others are genuine. With --database, the posts are flags and audit samples with stored features, and
    the labels are verdicts of people; only blind verdicts about the audit sample set the threshold and certify.

    Example:  moderation train --data DIR --out my-risk-bundle

    Example:  moderation train --events events.jsonl --config sidecar.toml --out my-risk-bundle

    Example:  moderation train --database postgresql://moderation@db.example/reviews --config sidecar.toml --out my-risk

    Exit codes: 0 written (read the certificate that is printed); 2 wrong arguments, texts, events or verdicts;
    3 a bundle is unusable; 4 the database does not answer.
    """
    from dataclasses import replace

    from rich.console import Console

    from moderation.detector import load_detector
    from moderation.lab.risk.recipe import Recipe, small_recipe
    from moderation.lab.risk.step_progress import StepProgress
    from moderation.lab.risk.training import train_bundle
    from moderation.risk.bundle import check_place
    from moderation.settings import load_settings

    recipe = small_recipe() if small else Recipe()
    if seed is not None:
        recipe = replace(recipe, seed=seed)
    check_place(out)
    with StepProgress() as progress:
        if database is not None:
            _refuse_beside("--database", data, texts, data_manifest, detector, *(events or ()))
            found, detector_hash, recipe = _from_database(ctx.obj, database, config, recipe)
        elif events:
            _refuse_beside("--events", data, texts, data_manifest)
            found, detector_hash, recipe = _from_events(events, load_settings(config), detector, recipe, progress)
        else:
            loaded = load_detector(detector)
            detector_hash = loaded.manifest_hash
            found = _from_texts(data, texts, data_manifest, loaded, recipe, progress)
        train_bundle(found, detector_hash, recipe, out, progress)
    _print_bundle(out, Console())


def _refuse_beside(chosen: str, *others: Path | None) -> None:
    from moderation.errors import InputError

    if any(other is not None for other in others):
        extra = ", --detector and --events" if chosen == "--database" else ""
        raise InputError(f"{chosen} trains on your own accounts: remove --data, --texts, --data-manifest{extra}.")


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
    files: list[Path], settings: Settings, detector: Path | None, recipe: Recipe, progress: StepProgress
) -> tuple[Scored, str, Recipe]:
    """Return the posts by step, the hash of the detector that scores them, and the recipe for them."""
    from moderation.checksum import sha256_of
    from moderation.detector import load_detector
    from moderation.events import Post
    from moderation.events.reading import RecordReader
    from moderation.lab.risk.own_events import by_role, collect_events, horizon, read_events
    from moderation.lab.risk.training import scored

    loaded = load_detector(
        detector or settings.detector, max_text_bytes=settings.max_text_bytes, threads=settings.detector_threads
    )
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
    found = scored(by_role(posts), loaded, progress, simulated=False, sources=sources)
    return found, loaded.manifest_hash, own


def _from_database(
    read: JudgedPostsReader, database: str, config: Path | None, recipe: Recipe
) -> tuple[Scored, str, Recipe]:
    """Return the posts by step, the hash of the detector that scored them, and the recipe for them."""
    from moderation.features import FEATURES_VERSION
    from moderation.lab.risk.judged import judged_by_role, vectors_of
    from moderation.lab.risk.own_events import horizon
    from moderation.lab.risk.training import Scored
    from moderation.ports import FeatureVersions
    from moderation.risk.bundle import read_manifest
    from moderation.settings import load_settings

    settings = load_settings(config)
    manifest, version = read_manifest(settings.risk)
    comparable = vectors_of(manifest, version)
    policy = settings.scoring.policy
    wanted = FeatureVersions(FEATURES_VERSION, manifest.detector_hash, frozenset(comparable), policy)
    judged = read(database, settings.platform_id, wanted)
    typer.echo(
        f"{len(judged.posts)} posts with a verdict can be used; left out: {judged.of_other_versions} of other models "
        f"or features, {judged.of_other_policy} of another scoring.policy than {policy!r}"
    )
    platforms = judged_by_role(judged.posts)
    sources = {
        "vectors_of": comparable,
        "posts": len(judged.posts),
        "accounts": {role: len(some.truth) for role, some in platforms.items()},
    }
    found = Scored(
        platforms,
        score_of={},
        baseline=manifest.content_baseline,
        simulated=False,
        sources=sources,
        stored_under=policy,
        least_evidence=manifest.selective_evidence,
    )
    return found, manifest.detector_hash, horizon(platforms["certify"], recipe)


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
