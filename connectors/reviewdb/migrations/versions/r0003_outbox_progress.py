"""Progress of the dead-letter relay: letters that a topic refuses for good are marked and no longer wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connectors.reviewdb.columns import KeptText, UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add when and why a letter was refused; refused letters leave the index of waiting ones."""
    op.add_column("outbox", sa.Column("refused_at", UtcTime))
    op.add_column("outbox", sa.Column("refused_reason", KeptText))
    _index("relayed_at IS NULL AND refused_at IS NULL")


def downgrade() -> None:
    """Drop the marks: refused letters wait again."""
    _index("relayed_at IS NULL")
    op.drop_column("outbox", "refused_reason")
    op.drop_column("outbox", "refused_at")


def _index(condition: str) -> None:
    waiting = sa.text(condition)
    op.drop_index("ix_outbox_waiting", "outbox")
    op.create_index("ix_outbox_waiting", "outbox", ["id"], sqlite_where=waiting, postgresql_where=waiting)
