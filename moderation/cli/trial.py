"""`moderation trial`: what the risk model on trial would have decided."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moderation.cli.db import Config, Database

if TYPE_CHECKING:
    from moderation.review.trial_report import FlaggedBy

ROWS: tuple[tuple[FlaggedBy, str], ...] = (
    ("both", "both models"),
    ("live", "only the live model"),
    ("trial", "only the model on trial"),
)


def trial_command(
    risk: Annotated[
        Path | None, typer.Option("--risk", metavar="DIR", help="The bundle on trial; default: trial.risk.")
    ] = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Compare the risk model on trial with the live one, over the accounts that either of them flagged in the stream.

    A trial begins with `trial.risk` in the settings. Its flags reach no reviewer, except for the share of the accounts
    that `trial.share` gives it. Verdicts of people are about flags that reached them: of the flags of one model only,
    judge a bundle by those that it misses and people confirmed, and by those that it avoids and people cleared.

    Example:  moderation trial --config sidecar.toml

    Exit codes: 0 printed; 2 the settings cannot be used, or no bundle is named; 3 the bundle cannot be used; 4 the
    database does not answer.
    """
    from moderation.cli.flags import reviews
    from moderation.errors import SettingsError
    from moderation.review.trial_report import trial_report
    from moderation.risk.bundle import read_bundle
    from moderation.settings import load_settings

    bundle = risk or load_settings(config).trial.risk
    if bundle is None:
        raise SettingsError("no risk bundle is on trial: set trial.risk, or name the directory with --risk")
    version = read_bundle(bundle).manifest_hash
    with reviews(database, config) as engine:
        found = trial_report(engine, version)
    if found.since is None:
        typer.echo(f"risk model {version[:12]}: no post was flagged by it or by the live model beside it so far")
        return
    typer.echo(f"risk model {version[:12]} beside the live one, since {found.since:%Y-%m-%d %H:%M} UTC")
    typer.echo(f"{'flagged by':<26}{'accounts':>10}{'confirmed':>11}{'cleared':>9}")
    for who, name in ROWS:
        counts = (found.accounts, found.confirmed, found.cleared)
        typer.echo(f"{name:<26}" + "".join(f"{count[who]:>{w}}" for count, w in zip(counts, (10, 11, 9), strict=True)))
    typer.echo("confirmed and cleared: accounts with a verdict of people")
