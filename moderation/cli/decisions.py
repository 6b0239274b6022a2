"""`moderation decisions`: export the decisions of reviewers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from moderation.cli.db import Config, Database
from moderation.cli.flags import parse_since, reviews

HELP = """Export the decisions of reviewers.

Example:  moderation decisions export --format csv -o decisions.csv --config sidecar.toml
"""

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def decisions() -> None:
    """Export the decisions of reviewers.

    Example:  moderation decisions export --format csv -o decisions.csv --config sidecar.toml
    """


@app.command()
def export(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; default: standard output.")] = None,
    form: Annotated[
        Literal["jsonl", "csv", "parquet"], typer.Option("--format", help="Format; parquet needs a file and pyarrow.")
    ] = "jsonl",
    since: Annotated[str | None, typer.Option(help="Only those made since a time, such as 2026-11-01.")] = None,
    names: Annotated[bool, typer.Option("--names", help="Names of reviewers in place of pseudonyms.")] = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Write the decisions about flags, oldest first, with their policies and times, without the words of reviewers.

    Example:  moderation decisions export --format parquet -o decisions.parquet --since 2026-11-01

    Exit codes: 0 written; 2 a time or a file cannot be used; 4 the database does not answer.
    """
    from moderation.cli.table_files import write_rows
    from moderation.review.decision_export import COLUMNS, all_decisions

    begin = None if since is None else parse_since(since)
    with reviews(database, config) as engine:
        count = write_rows(output, form, COLUMNS, all_decisions(engine, begin, names=names))
    typer.echo(f"{count} decisions", err=True)
