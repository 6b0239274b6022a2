"""`moderation db`: upgrade or downgrade the tables of the review database, and show their revision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moderation.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Engine

HELP = """Manage the tables of the review database.

Before the first run, and after every new version:  moderation db upgrade

Example:  moderation db upgrade --config sidecar.toml

The database: --database, else MODERATION_DATABASE_URL, else that of --config, else
moderation.sqlite in this directory. Passwords belong into the variable, the
settings file or ~/.pgpass, not on the command line.
"""

app = typer.Typer(help=HELP, no_args_is_help=True)

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="sqlite:///FILE or postgresql://USER@HOST:PORT/NAME; default: MODERATION_DATABASE_URL, then --config.",
    ),
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="TOML file with settings; variables override it.")
]


@contextmanager
def opened(database: str | None, config: Path | None = None, *, make: bool = False) -> Iterator[Engine]:
    """Yield an engine, closed at the end. Raises SettingsError for a missing SQLite file, unless `make`."""
    from connectors.reviewdb.engine import open_engine
    from moderation.settings import load_settings

    engine = open_engine(database or load_settings(config).database_url.get_secret_value())
    try:
        file = engine.url.database if engine.url.get_backend_name() == "sqlite" else None
        if not make and file and file != ":memory:" and not file.startswith("file:") and not Path(file).exists():
            raise SettingsError(
                f"there is no SQLite file {file}; name the database with --database or --config, or create its tables "
                "with `moderation db upgrade`"
            )
        yield engine
    finally:
        engine.dispose()


@app.command()
def upgrade(
    revision: Annotated[str, typer.Argument(help="Revision to upgrade to.")] = "head",
    database: Database = None,
    config: Config = None,
) -> None:
    """Create the tables or upgrade them to this version; their content is kept.

    Safe to repeat. Exit codes: 0 done; 2 the URL or revision is invalid; 4 the database does not answer.
    """
    from connectors.reviewdb import schema

    with opened(database, config, make=True) as engine:
        before = schema.current(engine)
        schema.upgrade(engine, revision)
        typer.echo(f"schema {before or 'empty'} -> {schema.current(engine)}")


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="Revision to downgrade to; `base` drops every table.")],
    database: Database = None,
    config: Config = None,
) -> None:
    """Downgrade the tables to an older version. Make a backup first: content of newer columns and tables is lost."""
    from connectors.reviewdb import schema

    with opened(database, config) as engine:
        before = schema.current(engine)
        schema.downgrade(engine, revision)
        typer.echo(f"schema {before or 'empty'} -> {schema.current(engine) or 'empty'}")


@app.command()
def current(database: Database = None, config: Config = None) -> None:
    """Show the revision of the tables and the one that this version needs. Exit code 2 when they differ."""
    from connectors.reviewdb import schema

    with opened(database, config) as engine:
        typer.echo(f"schema {schema.current(engine) or 'empty'}, this version needs {schema.head()}")
        schema.require_head(engine)
