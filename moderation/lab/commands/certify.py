"""`moderation certify`: the false-positive rate of a risk bundle on a platform's own accounts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from moderation.lab.risk.certifying import Certified
    from moderation.lab.risk.collecting import CollectedPosts
    from moderation.lab.risk.step_progress import StepProgress
    from moderation.risk.manifest import Policy
    from moderation.settings import Settings


def certify_command(
    events: Annotated[
        list[Path], typer.Option(help="Your platform's events as JSON lines, with its labels. Repeatable.")
    ],
    config: Annotated[
        Path | None, typer.Option(help="TOML file with the settings: mapping and follows of your events, bundles.")
    ] = None,
    risk: Annotated[
        Path | None,
        typer.Option(help="Directory of the risk bundle; default: that of the settings, or the shipped one."),
    ] = None,
    detector: Annotated[
        Path | None,
        typer.Option(help="Directory of a detector bundle; default: that of the settings, or the shipped one."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory for a copy of the bundle with the new certificates.")
    ] = None,
    errors: Annotated[
        Path | None, typer.Option(help="File for the ids of the accounts that count as errors, one a line.")
    ] = None,
) -> None:
    """Count the accounts of your platform that a risk bundle flags wrongly, and certify its false-positive rate.

    Accounts that a label event confirms are left out; of all others, every one that would be flagged counts as an
    error. Review those first (--errors), and give their labels. Use accounts that the bundle was not trained on, and
    events of as many days as its certificate is for: 14 of the shipped one. With fewer accounts than are printed, the
    rate is not supported and no bundle is written. The new certificate has no figures for groups of people.

    Example:  moderation certify --events events.jsonl --config sidecar.toml --out certified-bundle

    Exit codes: 0 certified under each policy; 1 not certified; 2 wrong arguments or events; 3 a bundle is unusable.
    """
    from moderation.checksum import sha256_of
    from moderation.detector import load_detector
    from moderation.lab.risk.certifying import certify_bundle, refuse_trained_on
    from moderation.lab.risk.step_progress import StepProgress
    from moderation.output_paths import check_writable
    from moderation.risk.bundle import SHIPPED, check_place, load_risk
    from moderation.settings import load_settings

    settings = load_settings(config)
    if out is not None:
        check_place(out)
    if errors is not None:
        check_writable(errors)
    loaded = load_detector(
        detector or settings.detector, max_text_bytes=settings.max_text_bytes, threads=settings.detector_threads
    )
    bundle = risk or settings.risk or SHIPPED
    read = load_risk(bundle, detector_hash=loaded.manifest_hash)
    refuse_trained_on(read, [sha256_of(file) for file in events if file.is_file()])
    found: dict[Policy, Certified] = {}
    with StepProgress() as progress:
        posts = _collected(events, settings, progress)
        for policy in read.manifest.policies:
            model = load_risk(bundle, detector_hash=loaded.manifest_hash, policy=policy)
            found[policy] = certify_bundle(model, loaded, posts, progress)
    typer.echo(f"Risk model {read.manifest_hash[:12]} in {bundle}")
    _print(posts, found)
    if errors is not None:
        wrong = {account for certified in found.values() for account in certified.wrong}
        errors.write_text("".join(f"{account}\n" for account in sorted(wrong)), encoding="utf-8")
    if not all(one.certificate.supported and one.certificate.passed for one in found.values()):
        raise typer.Exit(1)
    if out is not None:
        _write(bundle, out, found)
        typer.echo(f"Written: {out}. Name it in the settings: risk.")


def _collected(files: list[Path], settings: Settings, progress: StepProgress) -> CollectedPosts:
    from moderation.events import Post
    from moderation.events.reading import RecordReader
    from moderation.lab.risk.own_events import collect_events, read_events

    items = read_events(files, RecordReader(settings.field_mapping()))
    progress.step("Extracting features", sum(isinstance(item.content, Post) for item in items))
    coverage = settings.state.of_a_file().coverage()
    return collect_events(items, settings.state.graph_epoch_s, coverage, progress.advance)


def _print(posts: CollectedPosts, found: dict[Policy, Certified]) -> None:
    from rich.console import Console

    from moderation.lab.risk.certifying import known_shares

    console = Console()
    known = ", ".join(f"{name} {share:.0%}" for name, share in known_shares(posts).items())
    console.print(f"Posts of genuine accounts with a signal: {known}. The certificate holds for events like these.")
    for policy, certified in found.items():
        console.print(f"Policy {policy}: {certified.certificate.sentence()}")


def _write(bundle: Path, out: Path, found: dict[Policy, Certified]) -> None:
    """Replace the directory *out* by a copy of a bundle with these certificates."""
    import shutil

    from moderation.directories import replace_directory, room_beside
    from moderation.risk.bundle import read_bundle, write_manifest

    manifest = read_bundle(bundle).manifest
    entries = {
        policy: entry.model_copy(update={"certificate": found[policy].certificate})
        for policy, entry in manifest.policies.items()
    }
    with room_beside(out) as room:
        stage = Path(room) / "bundle"
        shutil.copytree(bundle, stage)
        write_manifest(stage, manifest.model_copy(update={"policies": entries}))
        replace_directory(stage, out)
