"""Alembic's entry: runs the revisions on the connection it is handed, each in a transaction, on either database."""

from __future__ import annotations

from alembic import context

from connectors.reviewdb.models import Base


def run() -> None:
    """Run what the command asked for. SQLite rolls back table changes too when transactions are begun by hand."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transactional_ddl=True,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
