"""`moderation reviewers`: the people who may use the console, and their tokens."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from moderation.cli.db import Config, Database
from moderation.cli.flags import reviews
from moderation.errors import InputError, SettingsError

HELP = """Manage the people who may use the console (`moderation serve`).

\b
Add a person (asks for the password):    moderation reviewers add ana --role reviewer
List all people:                       moderation reviewers list
End all access of a person:              moderation reviewers disable ana

\b
Roles: viewer reads; reviewer decides; senior also changes decisions of others; appeals decides
on appeal; admin manages people and decides nothing.
A password is read from the terminal, from standard input or from --password-file, never from
an argument, which other users of the machine can see.
"""
ACTOR = "command line"
"""Who acts in the audit log: the command trusts the person who runs it."""

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(help="Name of the person.")]
PasswordFile = Annotated[
    Path | None, typer.Option(help="File whose first line is the password; default: the terminal or standard input.")
]


@app.command()
def add(
    name: Name,
    role: Annotated[str, typer.Option(help="Role: viewer, reviewer, senior, appeals or admin.")],
    password_file: PasswordFile = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Add a person.

    Example:  moderation reviewers add ana --role reviewer --config sidecar.toml

    Exit codes: 0 added; 2 the name is taken, or the role or password is not permitted; 4 the database does not answer.
    """
    from moderation.review.people import NewPerson, add_person, require_role

    require_role(role)
    with reviews(database, config) as engine:
        person = add_person(engine, NewPerson(name, role, read_password(password_file)), by=ACTOR, now=_now())
    typer.echo(f"added {person.name} as {person.role}")


@app.command("list")
def list_command(database: Database = None, config: Config = None) -> None:
    """List all people with their roles.

    Example:  moderation reviewers list
    """
    from moderation.review.people import list_people
    from moderation.text.terminal import visible

    with reviews(database, config) as engine:
        found = list_people(engine)
    if not found:
        typer.echo("no people yet: moderation reviewers add NAME --role ROLE")
    for person in found:
        state = "active" if person.disabled_at is None else f"disabled {person.disabled_at:%Y-%m-%d}"
        typer.echo(f"{visible(person.name)}  {person.role}  added {person.created_at:%Y-%m-%d}  {state}")


@app.command()
def disable(name: Name, database: Database = None, config: Config = None) -> None:
    """Disable a person: sessions and tokens are revoked at once, and claims and holds end.

    Example:  moderation reviewers disable ana
    """
    from moderation.review.people import disable_person

    with reviews(database, config) as engine:
        person = disable_person(engine, name, by=ACTOR, now=_now())
    typer.echo(f"disabled {person.name}")


@app.command()
def role(
    name: Name,
    role: Annotated[str, typer.Argument(help="Role: viewer, reviewer, senior, appeals or admin.")],
    database: Database = None,
    config: Config = None,
) -> None:
    """Give a person another role, which holds at once.

    Example:  moderation reviewers role ana senior
    """
    from moderation.review.people import set_role

    with reviews(database, config) as engine:
        person = set_role(engine, name, role, by=ACTOR, now=_now())
    typer.echo(f"{person.name} is {person.role}")


@app.command()
def password(name: Name, password_file: PasswordFile = None, database: Database = None, config: Config = None) -> None:
    """Set the password of a person; sessions and tokens are revoked.

    Example:  moderation reviewers password ana
    """
    from moderation.review.people import set_password

    with reviews(database, config) as engine:
        person = set_password(engine, name, read_password(password_file), by=ACTOR, now=_now())
    typer.echo(f"set the password of {person.name}")


@app.command()
def token(
    person: Annotated[str, typer.Argument(help="Name of the person in whose name the program acts.")],
    name: Annotated[str, typer.Option(help="What the token is for.")],
    scope: Annotated[
        list[str], typer.Option(help="Scope: read, metrics, review, appeals, audit or people; repeat for several.")
    ],
    days: Annotated[int, typer.Option(help="Days until the token expires.")] = 90,
    database: Database = None,
    config: Config = None,
) -> None:
    """Make a token for the API and print it; it is not shown again.

    Example:  moderation reviewers token ana --name export --scope read --days 30
    """
    from moderation.review.tokens import NewToken, make_token

    with reviews(database, config) as engine:
        typer.echo(make_token(engine, NewToken(person, name, scope, days), by=ACTOR, now=_now()))


@app.command()
def tokens(database: Database = None, config: Config = None) -> None:
    """List all tokens, without their secrets.

    Example:  moderation reviewers tokens
    """
    from moderation.review.tokens import list_tokens
    from moderation.text.terminal import visible

    with reviews(database, config) as engine:
        for one in list_tokens(engine):
            state = f"until {one.expires_at:%Y-%m-%d}" if one.revoked_at is None else "revoked"
            typer.echo(f"{one.id}  {visible(one.person)}  {visible(one.name)}  {', '.join(one.scopes)}  {state}")


@app.command()
def revoke(
    number: Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="Number from `moderation reviewers tokens`.")],
    database: Database = None,
    config: Config = None,
) -> None:
    """Revoke a token at once.

    Example:  moderation reviewers revoke 3
    """
    from moderation.review.tokens import revoke_token

    with reviews(database, config) as engine:
        revoke_token(engine, number, by=ACTOR, now=_now())
    typer.echo(f"revoked the token {number}")


def read_password(file: Path | None) -> str:
    """Return a password from a file, from the terminal (asked twice) or from standard input."""
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").split("\n")[0]
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the password file {file} cannot be read ({error}); name another file") from None
    if sys.stdin is None:
        raise SettingsError("standard input is closed; name a file with --password-file")
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise SettingsError("the two passwords differ; run the command again")
    return first


def _now() -> datetime:
    return datetime.now(UTC)
