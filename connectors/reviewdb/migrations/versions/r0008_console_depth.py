"""Who disagreed about an account, the policies of verdicts, and keys of near-duplicate texts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connectors.reviewdb.columns import Counter, KeptText

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

REFUSED = "ix_decisions_refused"
JUDGED = ("decisions", "first_verdicts", "blind_verdicts")
BANDS = ("band_0", "band_1", "band_2", "band_3")


def upgrade() -> None:
    """Add columns and tables; no row changes its meaning."""
    with op.batch_alter_table("accounts_in_review") as table:
        table.add_column(sa.Column("disagreed_by", Counter))
        table.create_foreign_key("fk_accounts_in_review_disagreed_by_people", "people", ["disagreed_by"], ["id"])
    refused = sa.text("refused_reason IS NOT NULL")
    op.create_index(REFUSED, "decisions", ["flag_id"], sqlite_where=refused, postgresql_where=refused)
    for table_name in JUDGED:
        op.add_column(table_name, sa.Column("policy", KeptText))
    for column in BANDS:
        op.add_column("evidence", sa.Column(column, sa.BigInteger))


def downgrade() -> None:
    """Drop what upgrade added; decisions stay."""
    op.drop_index(REFUSED, "decisions")
    for table_name in JUDGED:
        op.drop_column(table_name, "policy")
    for column in BANDS:
        op.drop_column("evidence", column)
    with op.batch_alter_table("accounts_in_review") as table:
        table.drop_constraint("fk_accounts_in_review_disagreed_by_people", type_="foreignkey")
        table.drop_column("disagreed_by")
