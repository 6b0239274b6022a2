"""Risk and time of each flag in its own row, so that the page of an account with many flags reads no assessment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connectors.reviewdb.columns import UtcTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; revision 0010 fills them for existing flags."""
    op.add_column("flags", sa.Column("risk", sa.Double))
    op.add_column("flags", sa.Column("event_time", UtcTime))


def downgrade() -> None:
    """Drop the columns; the assessments keep the values."""
    for column in ("event_time", "risk"):
        op.drop_column("flags", column)
