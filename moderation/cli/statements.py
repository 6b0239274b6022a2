"""`moderation statements`: export the statements of reasons for the DSA transparency database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from moderation.cli.db import Config, Database
from moderation.cli.flags import parse_since, reviews

HELP = """Export statements of reasons (Digital Services Act).

Example:  moderation statements export --format jsonl -o statements.jsonl --config sidecar.toml
"""

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def statements() -> None:
    """Export statements of reasons (Digital Services Act).

    Example:  moderation statements export --format jsonl -o statements.jsonl --config sidecar.toml
    """


@app.command()
def export(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; default: standard output.")] = None,
    form: Annotated[
        Literal["jsonl", "csv", "parquet"], typer.Option("--format", help="Format; lists in CSV are JSON.")
    ] = "jsonl",
    since: Annotated[str | None, typer.Option(help="Only those built since a time, such as 2026-11-01.")] = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Write the statements that were not withdrawn, oldest first. The same run gives the same file.

    Example:  moderation statements export --format csv -o statements.csv --since 2026-11-01

    Exit codes: 0 written; 2 a time or a file cannot be used; 4 the database does not answer.
    """
    from moderation.cli.table_files import write_rows
    from moderation.review.statement_model import Statement
    from moderation.review.statements import all_statements

    columns = {name: _kind(one.annotation) for name, one in Statement.model_fields.items()}
    begin = None if since is None else parse_since(since)
    with reviews(database, config) as engine:
        count = write_rows(output, form, columns, all_statements(engine, begin))
    typer.echo(f"{count} statements", err=True)


@app.command()
def withdrawn(
    since: Annotated[str | None, typer.Option(help="Only those withdrawn since a time, such as 2026-11-01.")] = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Print the withdrawn statements as JSON lines: puid and withdrawn_at, oldest first.

    Example:  moderation statements withdrawn --since 2026-11-01

    Exit codes: 0 printed; 2 a time cannot be used; 4 the database does not answer.
    """
    from moderation.review.statements import withdrawn_statements

    begin = None if since is None else parse_since(since)
    with reviews(database, config) as engine:
        found = withdrawn_statements(engine, begin)
    for one in found:
        typer.echo(json.dumps({"puid": one.puid, "withdrawn_at": one.withdrawn_at.isoformat()}))


def _kind(annotation: Any) -> str:
    """Return the kind of a column: lists of texts, or text; dates are written as text."""
    return "texts" if "list" in str(annotation) or "tuple" in str(annotation) else "text"
