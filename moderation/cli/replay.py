"""`moderation replay`: what another risk model would have decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moderation.cli.db import Config, Database

if TYPE_CHECKING:
    from moderation.review.replay import Rejudged, Replay

_FLAGGED = {True: "flagged", False: "not flagged"}


def replay_command(
    risk: Annotated[Path, typer.Option("--risk", metavar="DIR", help="Directory of the risk bundle to try.")],
    policy: Annotated[
        str | None,
        typer.Option(help="Scoring policy whose threshold is used: all or selective; default: that of the settings."),
    ] = None,
    show: Annotated[int, typer.Option(min=0, help="Number of changed decisions to print.")] = 20,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write every changed decision as JSON lines.")
    ] = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Judge the stored flags and audit samples again with another risk model. Nothing in the database changes.

    Prints how many decisions change and which verdicts of people the other model contradicts: flags that a person
    confirmed and it does not raise, and posts that a person cleared and it flags. Use it before a new bundle goes live.

    Example:  moderation replay --risk my-risk-bundle --config sidecar.toml

    Exit codes: 0 printed, whatever changed; 2 an argument cannot be used; 3 the bundle cannot be used; 4 the database
    does not answer.
    """
    from typing import get_args

    from moderation.cli.flags import reviews
    from moderation.errors import SettingsError
    from moderation.review.replay import replay
    from moderation.risk.bundle import read_bundle
    from moderation.risk.manifest import Policy
    from moderation.settings import load_settings

    if policy is not None and policy not in get_args(Policy):
        raise SettingsError(f"--policy must be one of {', '.join(get_args(Policy))}, got {policy}")
    chosen = policy or load_settings(config).scoring.policy
    model = read_bundle(risk, policy="selective" if chosen == "selective" else "all")
    with reviews(database, config) as engine:
        found = replay(engine, model)
    if out is not None:
        lines = [json.dumps(vars(one)) for one in found.flips]
        try:
            out.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        except OSError as error:
            raise SettingsError(
                f"cannot write {out}: {error.strerror}; name a file in a directory that exists"
            ) from None
    _print(found, show)


def _print(found: Replay, show: int) -> None:
    from moderation.text.terminal import visible

    typer.echo(f"{found.judged} stored assessments judged again; {found.of_other_models} cannot be: of other models")
    typer.echo(f"{found.flags} flags: {found.kept_flags} are flags of this model too")
    typer.echo(
        f"{found.samples} audited posts without a flag: {found.new_flags} are flags of this model, which stand for "
        f"about {found.posts_newly_flagged:,.0f} posts of the stream"
    )
    typer.echo(
        f"verdicts of people: {found.with_verdict}; contradicted by the stored decisions: {found.contradicted_before}, "
        f"by this model: {found.contradicted_after}"
    )
    for one in found.flips[:show]:
        typer.echo(visible(_line(one)))
    if len(found.flips) > show:
        typer.echo(f"{len(found.flips) - show} more; --show prints more, --out writes all")


def _line(one: Rejudged) -> str:
    before = "unknown" if one.risk is None else f"{one.risk:.4f}"
    person = f"; a person: {one.verdict}" if one.verdict else ""
    against = " (contradicted)" if one.contradicts else ""
    return (
        f"post {one.post_id} of {one.account_id}: {_FLAGGED[one.flagged]} -> {_FLAGGED[one.newly_flagged]}, "
        f"risk {before} -> {one.new_risk:.4f}{person}{against}"
    )
