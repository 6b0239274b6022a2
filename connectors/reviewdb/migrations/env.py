"""The entry point of Alembic: runs the revisions on the given connection, each in a transaction."""

from __future__ import annotations

from alembic import context

from connectors.reviewdb.models import Base


def run() -> None:
    """Run the revisions, each in its own transaction. SQLite also rolls back table changes in explicit transactions."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transactional_ddl=True,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
