"""Risk and time of each flag in its own row, and whom a flagged account follows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connectors.reviewdb.columns import UtcTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NUMBERED = ("accounts_in_review", "erased_accounts")


def upgrade() -> None:
    """Add the columns and the table; revision 0010 fills the columns, because this one locks the tables."""
    op.add_column("flags", sa.Column("risk", sa.Double))
    op.add_column("flags", sa.Column("event_time", UtcTime))
    for table in NUMBERED:
        op.add_column(table, sa.Column("number", sa.BigInteger))
    op.create_table(
        "followed",
        sa.Column("account_key", sa.String(64), nullable=False),
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("mutual", sa.Boolean, nullable=False),
        sa.Column("flagged_before", sa.Boolean, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("account_key", "number", name="pk_followed"),
        sa.ForeignKeyConstraint(
            ["account_key"], ["accounts_in_review.key"], name="fk_followed_account_key_accounts_in_review"
        ),
    )
    for column in ("number", "expires_at"):
        op.create_index(f"ix_followed_{column}", "followed", [column])


def downgrade() -> None:
    """Drop the table and the columns; the assessments keep risk and time."""
    op.drop_table("followed")
    for table in NUMBERED:
        op.drop_column(table, "number")
    for column in ("event_time", "risk"):
        op.drop_column("flags", column)
