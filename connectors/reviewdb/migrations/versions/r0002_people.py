"""What people decide: status and version of a flag, decisions, labels, audit samples, accounts in review."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connectors.reviewdb.columns import Counter, KeptText, UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

DIGEST = sa.String(64)
NAME = sa.String(32)


def upgrade() -> None:
    """Add the tables and the two columns; flags raised before are open, their accounts in review."""
    op.add_column("flags", sa.Column("status", NAME, server_default="open", nullable=False))
    op.add_column("flags", sa.Column("version", sa.BigInteger, server_default="0", nullable=False))
    op.create_index("ix_flags_status", "flags", ["status"])
    op.create_table(
        "decisions",
        sa.Column("id", Counter, autoincrement=True, nullable=False),
        sa.Column("flag_id", Counter, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("who", KeptText, nullable=False),
        sa.Column("role", NAME, nullable=False),
        sa.Column("decided_at", UtcTime, nullable=False),
        sa.Column("verdict", NAME, nullable=False),
        sa.Column("ground", KeptText, nullable=False),
        sa.Column("supersedes", Counter),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
        sa.UniqueConstraint("flag_id", "version", name="uq_decisions_flag_id_version"),
        sa.ForeignKeyConstraint(["flag_id"], ["flags.id"], name="fk_decisions_flag_id_flags"),
        sa.ForeignKeyConstraint(["supersedes"], ["decisions.id"], name="fk_decisions_supersedes_decisions"),
    )
    op.create_table(
        "labels",
        sa.Column("event_key", KeptText, nullable=False),
        sa.Column("platform_id", KeptText, nullable=False),
        sa.Column("post_id", KeptText),
        sa.Column("account_id", KeptText),
        sa.Column("post_key", DIGEST),
        sa.Column("account_key", DIGEST),
        sa.Column("verdict", NAME, nullable=False),
        sa.Column("given_at", UtcTime, nullable=False),
        sa.Column("source", KeptText, nullable=False),
        sa.Column("recorded_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("event_key", name="pk_labels"),
    )
    op.create_index("ix_labels_post_key", "labels", ["post_key"])
    op.create_index("ix_labels_account_key", "labels", ["account_key"])
    op.create_table(
        "audit_samples",
        sa.Column("flag_key", DIGEST, nullable=False),
        sa.Column("assessment_key", DIGEST, nullable=False),
        sa.Column("probability", sa.Double, nullable=False),
        sa.Column("stratum", KeptText, nullable=False),
        sa.Column("drawn_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("flag_key", name="pk_audit_samples"),
        sa.ForeignKeyConstraint(
            ["assessment_key"], ["assessments.key"], name="fk_audit_samples_assessment_key_assessments"
        ),
    )
    op.create_table(
        "accounts_in_review",
        sa.Column("key", DIGEST, nullable=False),
        sa.Column("platform_id", KeptText, nullable=False),
        sa.Column("account_id", KeptText, nullable=False),
        sa.Column("opened_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_accounts_in_review"),
    )
    op.execute(
        "INSERT INTO accounts_in_review (key, platform_id, account_id, opened_at) "
        "SELECT account_key, platform_id, account_id, MIN(raised_at) FROM flags "
        "WHERE account_key IS NOT NULL GROUP BY account_key, platform_id, account_id"
    )


def downgrade() -> None:
    """Take people's tables and columns away; the flags stay."""
    for table in ("accounts_in_review", "audit_samples", "labels", "decisions"):
        op.drop_table(table)
    op.drop_index("ix_flags_status", "flags")
    op.drop_column("flags", "version")
    op.drop_column("flags", "status")
