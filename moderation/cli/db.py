"""`moderation db`: bring the review database's tables up or down and say where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

HELP = """The tables of the review database.

Before the first run, and after every new version:  moderation db upgrade

Example:  moderation db upgrade --database postgresql://moderation@db.example:5432/reviews
"""

app = typer.Typer(help=HELP, no_args_is_help=True)

Database = Annotated[
    str,
    typer.Option(
        "--database",
        metavar="URL",
        envvar="MODERATION_DATABASE_URL",
        help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME",
    ),
]
DEFAULT_DATABASE = "sqlite:///moderation.sqlite"


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """An engine that is closed again."""
    from connectors.reviewdb.engine import open_engine

    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@app.command()
def upgrade(
    revision: Annotated[str, typer.Argument(help="revision to go up to")] = "head",
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Create the tables or bring them up to this version; what they hold is kept.

    It is safe to repeat. Exit codes: 0 done; 2 the URL or revision cannot be used; 4 the database does not answer.
    """
    from connectors.reviewdb import schema

    with opened(database) as engine:
        before = schema.current(engine)
        schema.upgrade(engine, revision)
        typer.echo(f"schema {before or 'empty'} -> {schema.current(engine)}")


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="revision to go back to; `base` drops every table")],
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Take the tables back to an older version. What only the newer one can hold is lost: make a backup first."""
    from connectors.reviewdb import schema

    with opened(database) as engine:
        before = schema.current(engine)
        schema.downgrade(engine, revision)
        typer.echo(f"schema {before or 'empty'} -> {schema.current(engine) or 'empty'}")


@app.command()
def current(database: Database = DEFAULT_DATABASE) -> None:
    """Say which revision the tables have and which one this version needs. Exit code 2 when they differ."""
    from connectors.reviewdb import schema

    with opened(database) as engine:
        typer.echo(f"schema {schema.current(engine) or 'empty'}, this version needs {schema.head()}")
        schema.require_head(engine)
