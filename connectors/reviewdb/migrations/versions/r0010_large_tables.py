"""Values and indexes of large tables, made without a lock that keeps others from their rows for long.

PostgreSQL builds these indexes CONCURRENTLY, which no transaction can contain. Every step can be repeated, because an
upgrade that ends early leaves the steps before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

AT_ONCE = 20_000
"""Flags that are filled in one transaction."""
INDEXES = (
    ("ix_evidence_address_hash", "evidence (address_hash)"),
    ("ix_flags_content_hash", "flags (content_hash)"),
    ("ix_accounts_in_review_number", "accounts_in_review (number)"),
    *((f"ix_evidence_band_{band}", f"evidence (band_{band})") for band in range(4)),
)
TEXTS = "ix_evidence_texts"
ON_TEXTS = "evidence USING gin (to_tsvector('simple', substr(text, 1, 20000)))"
"""The index of full-text search: of a part, because a tsvector has at most 1 MB, and a longer one refuses the row."""
QUEUE = "ix_accounts_in_review_queue"


def upgrade() -> None:
    """Fill the columns of revision 0009 and create the indexes."""
    if op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            _fill()
            for name, columns in (*INDEXES, (TEXTS, ON_TEXTS)):
                # A build that was interrupted leaves an index that is not valid.
                op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
                op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {columns}")
        return
    _fill()
    for name, columns in INDEXES:
        op.execute(f"DROP INDEX IF EXISTS {name}")
        op.execute(f"CREATE INDEX {name} ON {columns}")
    # The copies of the table in revisions 0007 and 0008 lost the order of the risk.
    op.drop_index(QUEUE, "accounts_in_review")
    ordered: list[str | sa.TextClause] = [sa.text("risk DESC"), "waiting_since", "key"]
    op.create_index(QUEUE, "accounts_in_review", ordered, sqlite_where=sa.text("open_flags > 0"))


def downgrade() -> None:
    """Drop the indexes."""
    for name, _ in INDEXES:
        op.execute(f"DROP INDEX {name}")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP INDEX {TEXTS}")


def _fill() -> None:
    connection = op.get_bind()
    last = connection.scalar(sa.text("SELECT max(id) FROM flags")) or 0
    copied = sa.text(
        "UPDATE flags SET (risk, event_time) = (SELECT assessments.risk, assessments.event_time FROM assessments "
        "WHERE assessments.key = flags.assessment_key) WHERE id > :after AND id <= :until AND risk IS NULL"
    )
    for after in range(0, last, AT_ONCE):
        connection.execute(copied, {"after": after, "until": after + AT_ONCE})
