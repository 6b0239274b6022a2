"""`moderation flags`: list flags, show their reasons, record decisions."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moderation.cli.db import Config, Database, opened
from moderation.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Engine

HELP = """Review flags: requests for the judgement of a person, never verdicts.

\b
List open flags:                         moderation flags list --status open
Show the reasons of a flag:              moderation flags show 17
Record a decision with its ground:
  moderation flags decide 17 --verdict not_a_violation --version 0 --who ana --role reviewer \\
      --ground "campus address, ordinary typing; nothing but the text is conspicuous"
Erase the data of an account:            moderation flags erase --account a17

\b
The version is the number that `list` and `show` print: 0 until the first decision.
The database: --database, else MODERATION_DATABASE_URL, else that of --config, else
moderation.sqlite in this directory.
"""

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)

LARGEST = 2**63 - 1
"""The largest number that a database stores."""
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@contextmanager
def reviews(database: str | None, config: Path | None) -> Iterator[Engine]:
    """Yield the database. Raises SettingsError unless its tables are those of this version."""
    from connectors.reviewdb.schema import require_head

    with opened(database, config) as engine:
        require_head(engine)
        yield engine


@app.command("list")
def list_command(
    database: Database = None,
    config: Config = None,
    status: Annotated[str | None, typer.Option(help="Status: open, confirmed, not_a_violation or uncertain.")] = None,
    account: Annotated[str | None, typer.Option(help="Account id.")] = None,
    post: Annotated[str | None, typer.Option(help="Post id.")] = None,
    min_risk: Annotated[float | None, typer.Option(help="Minimum risk, 0 to 1.")] = None,
    since: Annotated[str | None, typer.Option(help="Earliest time: 2026-11-21 or RFC 3339.")] = None,
    family: Annotated[
        str | None, typer.Option(help="A family that agreed: content, typing, network, graph, account or coordination.")
    ] = None,
    deleted: Annotated[
        bool | None, typer.Option("--deleted/--not-deleted", help="Only deleted posts, or only others.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=LARGEST, help="Maximum number of flags.")] = 50,
    after: Annotated[
        int | None, typer.Option(min=0, max=LARGEST, help="Continue after the flag of this number.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List flags, newest first.

    Example:  moderation flags list --status open --family network --min-risk 0.9 --since 2026-11-01

    Exit codes: 0 done, also when nothing matches; 2 wrong arguments; 4 the database does not answer.
    """
    from moderation.review.queries import STATUSES, FlagFilter, list_flags
    from moderation.risk.gate import FAMILIES

    if status is not None and status not in STATUSES:
        raise SettingsError(f"--status must be one of {', '.join(STATUSES)}, got {status!r}")
    if family is not None and family not in FAMILIES:
        raise SettingsError(f"--family must be one of {', '.join(FAMILIES)}, got {family!r}")
    if min_risk is not None and not 0 <= min_risk <= 1:
        raise SettingsError(f"--min-risk must be a number from 0 to 1, got {min_risk}")
    wanted = FlagFilter(
        status=status,
        account_id=account,
        post_id=post,
        min_risk=min_risk,
        since=None if since is None else parse_since(since),
        family=family,
        deleted=deleted,
    )
    with reviews(database, config) as engine:
        found = list_flags(engine, wanted, limit=limit, after_id=after)
    if as_json:
        typer.echo(as_json_text([dataclasses.asdict(flag) for flag in found]))
        return
    from moderation.cli.flag_pages import print_list

    print_list(found, limit)


@app.command()
def show(
    flag: Annotated[int, typer.Argument(help="Number of the flag, from `moderation flags list`.")],
    database: Database = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show one flag: its evidence, the text until it expires, and the decisions.

    Example:  moderation flags show 17

    With --json, start and end of a section are characters of the normalised text, not of the post; of a text beyond
    max_text_bytes, of its beginning, middle and end joined.
    """
    from moderation.review.queries import show_flag

    with reviews(database, config) as engine:
        detail = show_flag(engine, flag)
    if as_json:
        typer.echo(as_json_text(dataclasses.asdict(detail)))
        return
    from moderation.cli.flag_pages import print_flag

    print_flag(detail)


@app.command()
def decide(
    flag: Annotated[int, typer.Argument(help="Number of the flag.")],
    who: Annotated[str, typer.Option(help="Name of the person who decides.")],
    role: Annotated[str, typer.Option(help="Role: reviewer, senior or appeals.")],
    verdict: Annotated[str, typer.Option(help="Verdict: confirmed, not_a_violation or uncertain.")],
    ground: Annotated[str, typer.Option(help="Ground: the observation and the rule that it meets.")],
    version: Annotated[int, typer.Option(help="Version that `list` and `show` print; refused after another decision.")],
    policy: Annotated[str, typer.Option(help="Policy that the account breaks, one of console.policies.")] = "",
    database: Database = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Record the decision of a person about a flag. Decisions are never changed, only superseded.

    The rules of the console hold as its settings have them, so name the same --config: with statements, and without
    accounts about which two people decide.

    Example:  moderation flags decide 17 --who ana --role reviewer --verdict confirmed --version 0 --ground "..."

    Exit codes: 0 recorded; 2 wrong arguments or no such flag; 4 the database does not answer; 8 another decision was
    recorded meanwhile, the role may not decide this, another person works on the account, or two people decide.
    """
    from moderation.review.decisions import ProposedDecision
    from moderation.review.flag_decisions import decide as record
    from moderation.review.rules import rules_of
    from moderation.settings import load_settings

    proposed = ProposedDecision(flag, who, role, verdict, ground, version, policy=policy)
    settings = load_settings(config)
    with reviews(database, config) as engine:
        recorded = record(engine, proposed, rules_of(settings.console, settings.statements))
    if as_json:
        typer.echo(as_json_text(dataclasses.asdict(recorded)))
    else:
        typer.echo(f"flag {flag}: {recorded.verdict}, version {recorded.version}")


@app.command()
def erase(
    account: Annotated[str, typer.Option(help="Account id.")],
    platform: Annotated[str | None, typer.Option(help="Platform id; default: platform_id of the settings.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    state: Annotated[
        bool, typer.Option("--state", help="Also remove the account from the saved state, while no sidecar runs.")
    ] = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Erase the evidence of an account: texts, address and device hashes, feature vectors, and its dead letters.

    Evidence of its posts until now is not stored again. Flags with scores and reasons, and decisions, are kept, as the
    record of what was judged and why. docs/privacy.md lists what remains outside the database, and how long.

    With --state the account is also removed from the saved state and the backend of the state. Stop all sidecars first,
    and delete its records from your topics: a rebuild of the state reads them again.

    Example:  moderation flags erase --account a17 --state --config sidecar.toml

    Exit codes: 0 done, also without evidence; 1 not confirmed; 2 wrong arguments; 4 the database does not answer.
    """
    from connectors.reviewdb.places import STATE
    from connectors.reviewdb.retention import erase_account
    from moderation.cli.erasing import erase_from_state, no_sidecar
    from moderation.settings import load_settings
    from moderation.text.terminal import visible

    settings = load_settings(config)
    platform_id = platform if platform is not None else settings.platform_id
    whose = f"the account {visible(account)} on the platform {visible(platform_id)}"
    with reviews(database, config) as engine:
        if not yes:
            if sys.stdin is None:
                raise SettingsError("standard input is closed; confirm with --yes")
            typer.confirm(
                f"Erase texts, hashes, feature vectors and dead letters of {whose}? They cannot be restored.",
                abort=True,
            )
        with no_sidecar(engine, settings, platform_id) if state else nullcontext():
            erased = erase_account(engine, platform_id, account)
            rows = erase_from_state(settings, account) if state else 0
    typer.echo(f"erased the evidence of {erased.assessments} assessments and {erased.letters} dead letters of {whose}")
    if state:
        typer.echo(f"removed {rows} rows of the account from the saved state")
    else:
        typer.echo(f"{STATE.name}: {STATE.holds} remain for {STATE.kept}, or use --state while no sidecar runs")


def parse_since(text: str) -> datetime:
    """Return the time of a day or a time; without an offset it is UTC. Raises SettingsError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"--since {text!r} is not a time; write 2026-11-21 or 2026-11-21T14:00:00+01:00") from None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise SettingsError(
            f"--since {text!r} is outside the years 1 to 9999 in UTC; give a later or earlier time"
        ) from None


def as_json_text(value: Any) -> str:
    """Return JSON in ASCII with times in RFC 3339, which is safe on a terminal."""
    return json.dumps(value, indent=2, default=_plain).replace("\x7f", "\\u007f")


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")
