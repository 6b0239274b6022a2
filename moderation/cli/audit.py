"""`moderation audit`: verify the audit log."""

from __future__ import annotations

from typing import Annotated

import typer

from moderation.cli.db import Config, Database
from moderation.cli.flags import reviews

HELP = """Check the record of what people did in the console.

Example:  moderation audit verify --config sidecar.toml
"""

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def audit() -> None:
    """Check the record of what people did in the console.

    Example:  moderation audit verify --config sidecar.toml
    """


@app.command()
def verify(
    digest: Annotated[
        str | None, typer.Option(help="A digest that an earlier run printed; its entry must still be there.")
    ] = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Compute the chain of digests of the audit log again and compare it with the stored one.

    Keep the printed digest outside the database: only it shows later that entries at the end were removed.

    Example:  moderation audit verify --digest 4f0c...

    Exit codes: 0 valid; 1 entries were changed, removed or written again; 4 the database does not answer.
    """
    from connectors.reviewdb.audit_log import verify as verify_log

    with reviews(database, config) as engine:
        found = verify_log(engine, digest)
    for problem in found.problems:
        typer.echo(f"problem: {problem}")
    typer.echo(f"{found.entries} entries, {found.emptied} with erased details, last digest {found.last_digest}")
    if found.problems:
        raise typer.Exit(1)
