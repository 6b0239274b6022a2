"""Risk and time of each flag in its own row, and whom a flagged account follows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connectors.reviewdb.columns import KeptText, UtcTime
from connectors.reviewdb.identity import stored_number
from moderation.state.identifiers import account_number

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

AT_ONCE = 20_000
NUMBERED = ("accounts_in_review", "erased_accounts")


def upgrade() -> None:
    """Add the columns and the table; revision 0010 fills the columns of flags."""
    op.add_column("flags", sa.Column("risk", sa.Double))
    op.add_column("flags", sa.Column("event_time", UtcTime))
    for table in NUMBERED:
        op.add_column(table, sa.Column("number", sa.BigInteger))
    _number_accounts()
    op.create_index("ix_erased_accounts_number", "erased_accounts", ["number"])
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
    op.drop_index("ix_erased_accounts_number", "erased_accounts")
    for table in NUMBERED:
        op.drop_column(table, "number")
    for column in ("event_time", "risk"):
        op.drop_column("flags", column)


def _number_accounts() -> None:
    """Compute the numbers of accounts in parts, in the order of their keys."""
    connection, after = op.get_bind(), ""
    query = sa.text("SELECT key, account_id FROM accounts_in_review WHERE key > :after ORDER BY key LIMIT :most")
    some = query.columns(key=sa.String, account_id=KeptText)
    changed = sa.text("UPDATE accounts_in_review SET number = :number WHERE key = :key")
    while rows := connection.execute(some, {"after": after, "most": AT_ONCE}).all():
        after = rows[-1].key
        numbered = [
            (row.key, stored_number(account_number(row.account_id))) for row in rows if row.account_id is not None
        ]
        if numbered:
            connection.execute(changed, [{"key": key, "number": number} for key, number in numbered])
