"""The revisions of the schema: upgrade, downgrade and current revision of a database."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine

from connectors.reviewdb.engine import at_edge, describe
from moderation.errors import SettingsError

MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaOutdated(SettingsError):
    """The tables of the database are not those of this version."""


def alembic_config(connection: Connection | None = None) -> Config:
    """Return the configuration of Alembic, built here so that the package needs no ini file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """Return the revision of this version."""
    return str(ScriptDirectory.from_config(alembic_config()).get_current_head())


def current(engine: Engine) -> str | None:
    """Return the revision of the database, None for one without tables. Raises ConnectionLost."""
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Upgrade the tables to a revision; their content is kept. Raises SettingsError for an unknown revision."""
    _move(engine, revision, up=True)


def downgrade(engine: Engine, revision: str) -> None:
    """Downgrade the tables to an older revision; content that only the newer one supports is lost."""
    _move(engine, revision, up=False)


def _move(engine: Engine, revision: str, *, up: bool) -> None:
    try:
        with at_edge(engine), engine.connect() as connection:
            move = command.upgrade if up else command.downgrade
            move(alembic_config(connection), revision)
    except CommandError as error:
        raise SettingsError(
            f"the schema cannot be moved to {revision!r}: {error}. `moderation db current` shows its revision; "
            f"this version knows revisions up to {head()}."
        ) from None


def require_head(engine: Engine) -> None:
    """Raise SchemaOutdated unless the database has exactly the tables of this version."""
    found, wanted = current(engine), head()
    if found == wanted:
        return
    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    if found is not None and found not in known:
        raise SchemaOutdated(
            f"the database {describe(engine)} is at revision {found}, which is unknown to this version: a newer "
            "version has upgraded it. Install that version, or downgrade the database with it."
        )
    state = "has no tables yet" if found is None else f"is at revision {found}, this version needs {wanted}"
    raise SchemaOutdated(f"the database {describe(engine)} {state}; run `moderation db upgrade`")
