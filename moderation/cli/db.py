"""`moderation db`: bring the review database's tables up or down and say where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moderation.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Engine

HELP = """The tables of the review database.

Before the first run, and after every new version:  moderation db upgrade

Example:  moderation db upgrade --config sidecar.toml

The database: --database, else MODERATION_DATABASE_URL, else --config's, else
moderation.sqlite in this folder. Passwords belong into the variable, the
settings file or ~/.pgpass, not on the command line.
"""

app = typer.Typer(help=HELP, no_args_is_help=True)

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="sqlite:///FILE or postgresql://USER@HOST:PORT/NAME; else MODERATION_DATABASE_URL, else --config decides",
    ),
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="TOML file with settings; variables win over it")
]


@contextmanager
def opened(database: str | None, config: Path | None = None, *, make: bool = False) -> Iterator[Engine]:
    """An engine that is closed again. Raises SettingsError for a SQLite file that is not there, unless `make`."""
    from connectors.reviewdb.engine import open_engine
    from moderation.settings import load_settings

    engine = open_engine(database or load_settings(config).database_url.get_secret_value())
    try:
        file = engine.url.database if engine.url.get_backend_name() == "sqlite" else None
        if not make and file and file != ":memory:" and not file.startswith("file:") and not Path(file).exists():
            raise SettingsError(
                f"there is no SQLite file {file}; name the database with --database or --config, or make its tables: "
                "run `moderation db upgrade`"
            )
        yield engine
    finally:
        engine.dispose()


@app.command()
def upgrade(
    revision: Annotated[str, typer.Argument(help="revision to go up to")] = "head",
    database: Database = None,
    config: Config = None,
) -> None:
    """Create the tables or bring them up to this version; what they hold is kept.

    It is safe to repeat. Exit codes: 0 done; 2 the URL or revision cannot be used; 4 the database does not answer.
    """
    from connectors.reviewdb import schema

    with opened(database, config, make=True) as engine:
        before = schema.current(engine)
        schema.upgrade(engine, revision)
        typer.echo(f"schema {before or 'empty'} -> {schema.current(engine)}")


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="revision to go back to; `base` drops every table")],
    database: Database = None,
    config: Config = None,
) -> None:
    """Take the tables back to an older version. What only the newer one can hold is lost: make a backup first."""
    from connectors.reviewdb import schema

    with opened(database, config) as engine:
        before = schema.current(engine)
        schema.downgrade(engine, revision)
        typer.echo(f"schema {before or 'empty'} -> {schema.current(engine) or 'empty'}")


@app.command()
def current(database: Database = None, config: Config = None) -> None:
    """Say which revision the tables have and which one this version needs. Exit code 2 when they differ."""
    from connectors.reviewdb import schema

    with opened(database, config) as engine:
        typer.echo(f"schema {schema.current(engine) or 'empty'}, this version needs {schema.head()}")
        schema.require_head(engine)
