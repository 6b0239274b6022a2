"""`moderation statements`: export the statements of reasons for the DSA transparency database."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import typer

from moderation.cli.db import Config, Database
from moderation.cli.flags import parse_since, reviews
from moderation.errors import SettingsError

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
    form: Annotated[Literal["jsonl", "csv"], typer.Option("--format", help="Form; lists in CSV are JSON.")] = "jsonl",
    since: Annotated[str | None, typer.Option(help="Only those built since a time, such as 2026-11-01.")] = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Write the statements that were not withdrawn, oldest first. The same run gives the same file.

    Example:  moderation statements export --format csv -o statements.csv --since 2026-11-01

    Exit codes: 0 written; 2 a time or a file cannot be used; 4 the database does not answer.
    """
    from moderation.review.statements import all_statements

    begin = None if since is None else parse_since(since)
    with reviews(database, config) as engine, _opened(output) as file:
        count = _write(file, form, all_statements(engine, begin))
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


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    try:
        file = output.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise SettingsError(f"{output} cannot be written: {error.strerror}; name another file with --output") from None
    with file:
        yield file


def _write(file: TextIO, form: str, found: Iterator[dict[str, Any]]) -> int:
    from moderation.review.statement_model import Statement

    count = 0
    writer = csv.DictWriter(file, list(Statement.model_fields), lineterminator="\n") if form == "csv" else None
    if writer is not None:
        writer.writeheader()
    for statement in found:
        count += 1
        if writer is None:
            file.write(json.dumps(statement) + "\n")
        else:
            lists = {name: json.dumps(value) for name, value in statement.items() if isinstance(value, list)}
            writer.writerow(statement | lists)
    return count
