"""`moderation vectors`: export the stored feature vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from moderation.cli.db import Config, Database

HELP = """Export stored feature vectors.

Example:  moderation vectors export --format parquet -o vectors.parquet --config sidecar.toml
"""

app = typer.Typer(help=HELP, no_args_is_help=True)


@app.callback()
def vectors() -> None:
    """Export stored feature vectors.

    Example:  moderation vectors export --format parquet -o vectors.parquet --config sidecar.toml
    """


@app.command()
def export(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; default: standard output.")] = None,
    form: Annotated[
        Literal["jsonl", "csv", "parquet"], typer.Option("--format", help="Format; lists in CSV are JSON.")
    ] = "jsonl",
    database: Database = None,
    config: Config = None,
) -> None:
    """Write the feature vectors of flags and audit samples, with the decision and the latest verdict of a person.

    `moderation spark replay` judges them again. The file has ids of accounts and posts, and no text; an erasure in the
    database does not reach it.

    Example:  moderation vectors export --format parquet -o vectors.parquet

    Exit codes: 0 written; 2 a file cannot be used; 4 the database does not answer.
    """
    from moderation.cli.flags import reviews
    from moderation.cli.table_files import write_rows
    from moderation.review.replay import VECTOR_COLUMNS, all_vectors

    with reviews(database, config) as engine:
        count = write_rows(output, form, VECTOR_COLUMNS, all_vectors(engine))
    typer.echo(f"{count} vectors", err=True)
