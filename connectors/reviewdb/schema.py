"""The schema's versions: move a database up and down, and say where it stands."""

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
    """The database's tables are not those this version works with."""


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, made here so that no ini file has to travel with the package."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The revision this version works with."""
    return str(ScriptDirectory.from_config(alembic_config()).get_current_head())


def current(engine: Engine) -> str | None:
    """The database's revision, None for one without our tables. Raises ConnectionLost."""
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the tables up to a revision, keeping what they hold. Raises SettingsError for an unknown revision."""
    _move(engine, revision, up=True)


def downgrade(engine: Engine, revision: str) -> None:
    """Bring the tables back to an older revision; what only the newer one can hold is lost."""
    _move(engine, revision, up=False)


def _move(engine: Engine, revision: str, *, up: bool) -> None:
    try:
        with at_edge(engine), engine.begin() as connection:
            move = command.upgrade if up else command.downgrade
            move(alembic_config(connection), revision)
    except CommandError as error:
        raise SettingsError(
            f"the schema cannot be moved to {revision!r}: {error}. `moderation db current` says where it stands; "
            f"this version knows revisions up to {head()}."
        ) from None


def require_head(engine: Engine) -> None:
    """Raises SchemaOutdated, with what to do, unless the database has exactly the tables of this version."""
    found, wanted = current(engine), head()
    if found == wanted:
        return
    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    if found is not None and found not in known:
        raise SchemaOutdated(
            f"the database {describe(engine)} is at revision {found}, which this version does not know: a newer "
            "version has upgraded it. Install that version, or downgrade the database with it."
        )
    state = "has no tables of ours yet" if found is None else f"is at revision {found}, this version needs {wanted}"
    raise SchemaOutdated(f"the database {describe(engine)} {state}; run `moderation db upgrade`")
