"""What the sidecar writes: assessments, flags, evidence, deletions, ledger, leases, outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connectors.reviewdb.columns import Counter, Json, KeptText, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

DIGEST = sa.String(64)
NAME = sa.String(32)


def upgrade() -> None:
    """Create the tables."""
    _assessments()
    _flags()
    _positions()
    _outbox()


def _assessments() -> None:
    op.create_table(
        "assessments",
        sa.Column("key", DIGEST, nullable=False),
        sa.Column("flag_key", DIGEST, nullable=False),
        sa.Column("platform_id", KeptText, nullable=False),
        sa.Column("post_id", KeptText, nullable=False),
        sa.Column("content_hash", KeptText, nullable=False),
        sa.Column("account_id", KeptText),
        sa.Column("event_time", UtcTime),
        sa.Column("synthetic_logit", sa.Double),
        sa.Column("synthetic_score", sa.Double),
        sa.Column("sections", Json, nullable=False),
        sa.Column("truncated", sa.Boolean, nullable=False),
        sa.Column("risk", sa.Double),
        sa.Column("threshold", sa.Double, nullable=False),
        sa.Column("flagged", sa.Boolean, nullable=False),
        sa.Column("families", Json, nullable=False),
        sa.Column("agreeing", Json, nullable=False),
        sa.Column("reasons", Json, nullable=False),
        sa.Column("features_version", KeptText, nullable=False),
        sa.Column("detector_version", KeptText, nullable=False),
        sa.Column("risk_version", KeptText, nullable=False),
        sa.Column("graph_epoch", sa.BigInteger),
        sa.Column("degraded", Json, nullable=False),
        sa.Column("missing", Json, nullable=False),
        sa.Column("recorded_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_assessments"),
    )
    op.create_index("ix_assessments_flag_key", "assessments", ["flag_key"])
    op.create_table(
        "evidence",
        sa.Column("assessment_key", DIGEST, nullable=False),
        sa.Column("post_key", DIGEST, nullable=False),
        sa.Column("account_key", DIGEST),
        sa.Column("text", KeptText, nullable=False),
        sa.Column("features", Json, nullable=False),
        sa.Column("address_hash", KeptText),
        sa.Column("device_hash", KeptText),
        sa.Column("key_id", KeptText),
        sa.Column("expires_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("assessment_key", name="pk_evidence"),
        sa.ForeignKeyConstraint(["assessment_key"], ["assessments.key"], name="fk_evidence_assessment_key_assessments"),
    )
    for column in ("post_key", "account_key", "expires_at"):
        op.create_index(f"ix_evidence_{column}", "evidence", [column])


def _flags() -> None:
    op.create_table(
        "flags",
        sa.Column("id", Counter, autoincrement=True, nullable=False),
        sa.Column("key", DIGEST, nullable=False),
        sa.Column("post_key", DIGEST, nullable=False),
        sa.Column("account_key", DIGEST),
        sa.Column("assessment_key", DIGEST, nullable=False),
        sa.Column("platform_id", KeptText, nullable=False),
        sa.Column("post_id", KeptText, nullable=False),
        sa.Column("content_hash", KeptText, nullable=False),
        sa.Column("account_id", KeptText),
        sa.Column("raised_at", UtcTime, nullable=False),
        sa.Column("deleted_at", UtcTime),
        sa.Column("retain_until", UtcTime),
        sa.PrimaryKeyConstraint("id", name="pk_flags"),
        sa.UniqueConstraint("key", name="uq_flags_key"),
        sa.ForeignKeyConstraint(["assessment_key"], ["assessments.key"], name="fk_flags_assessment_key_assessments"),
    )
    for column in ("post_key", "account_key", "raised_at"):
        op.create_index(f"ix_flags_{column}", "flags", [column])
    op.create_table(
        "deleted_posts",
        sa.Column("post_key", DIGEST, nullable=False),
        sa.Column("platform_id", KeptText, nullable=False),
        sa.Column("post_id", KeptText, nullable=False),
        sa.Column("account_id", KeptText, nullable=False),
        sa.Column("deleted_at", UtcTime, nullable=False),
        sa.Column("recorded_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("post_key", name="pk_deleted_posts"),
    )


def _positions() -> None:
    op.create_table(
        "ledger",
        sa.Column("key", DIGEST, nullable=False),
        sa.Column("pipeline", KeptText, nullable=False),
        sa.Column("cluster_id", KeptText, nullable=False),
        sa.Column("topic", KeptText, nullable=False),
        sa.Column("topic_id", KeptText, nullable=False),
        sa.Column("partition", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("owner", KeptText, nullable=False),
        sa.Column("updated_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_ledger"),
    )
    op.create_table(
        "leases",
        sa.Column("key", DIGEST, nullable=False),
        sa.Column("pipeline", KeptText, nullable=False),
        sa.Column("owner", KeptText, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_leases"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", Counter, autoincrement=True, nullable=False),
        sa.Column("origin_key", DIGEST, nullable=False),
        sa.Column("cluster_id", KeptText, nullable=False),
        sa.Column("topic", KeptText, nullable=False),
        sa.Column("topic_id", KeptText, nullable=False),
        sa.Column("partition", sa.BigInteger, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger),
        sa.Column("record_key", sa.LargeBinary),
        sa.Column("record_value", sa.LargeBinary),
        sa.Column("record_headers", Json),
        sa.Column("stage", NAME, nullable=False),
        sa.Column("reason", KeptText, nullable=False),
        sa.Column("recorded_at", UtcTime, nullable=False),
        sa.Column("relayed_at", UtcTime),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("origin_key", name="uq_outbox_origin_key"),
    )
    waiting = sa.text("relayed_at IS NULL")
    op.create_index("ix_outbox_waiting", "outbox", ["id"], sqlite_where=waiting, postgresql_where=waiting)


def downgrade() -> None:
    """Drop the tables with what they hold."""
    for table in ("outbox", "leases", "ledger", "deleted_posts", "flags", "evidence", "assessments"):
        op.drop_table(table)
