"""When the threshold of a risk bundle was raised, because too many flagged accounts were genuine."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connectors.reviewdb.columns import Counter, KeptText, UtcTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "threshold_raises",
        sa.Column("id", Counter, primary_key=True, autoincrement=True),
        sa.Column("platform_id", KeptText, nullable=False),
        sa.Column("risk_version", KeptText, nullable=False),
        sa.Column("policy", sa.String(32), nullable=False),
        sa.Column("before", sa.Double, nullable=False),
        sa.Column("threshold", sa.Double, nullable=False),
        sa.Column("wrong", sa.BigInteger, nullable=False),
        sa.Column("judged", sa.BigInteger, nullable=False),
        sa.Column("raised_at", UtcTime, nullable=False),
        sa.Column("ended_at", UtcTime),
        sa.Column("ended_by", KeptText),
        sa.Column("reason", KeptText),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("threshold_raises")
