"""Values and indexes of large tables, made without a lock that keeps others from their rows for long.

PostgreSQL builds these indexes CONCURRENTLY, which no transaction can contain. Every step can be repeated, because an
upgrade that ends early leaves the steps before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connectors.reviewdb.columns import KeptText
from connectors.reviewdb.identity import stored_number
from moderation.state.identifiers import account_number

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

AT_ONCE = 20_000
"""Flags or accounts that are filled in one transaction."""
INDEXES = (
    ("ix_evidence_address_hash", "evidence (address_hash)"),
    ("ix_flags_content_hash", "flags (content_hash)"),
    ("ix_accounts_in_review_number", "accounts_in_review (number)"),
    ("ix_erased_accounts_number", "erased_accounts (number)"),
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
            _fill_columns()
            for name, columns in (*INDEXES, (TEXTS, ON_TEXTS)):
                # A build that was interrupted leaves an index that is not valid.
                op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
                op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {columns}")
        return
    _fill_columns()
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


def _fill_columns() -> None:
    _fill_flags()
    _number_accounts()
    _number_erased()


def _fill_flags() -> None:
    connection = op.get_bind()
    last = connection.scalar(sa.text("SELECT max(id) FROM flags")) or 0
    copied = sa.text(
        "UPDATE flags SET (risk, event_time) = (SELECT assessments.risk, assessments.event_time FROM assessments "
        "WHERE assessments.key = flags.assessment_key) WHERE id > :after AND id <= :until AND risk IS NULL"
    )
    for after in range(0, last, AT_ONCE):
        connection.execute(copied, {"after": after, "until": after + AT_ONCE})


def _number_accounts() -> None:
    """Compute the numbers of accounts in parts, in the order of their keys, as other writers lock them."""
    connection, after = op.get_bind(), ""
    query = sa.text(
        "SELECT key, account_id FROM accounts_in_review "
        "WHERE key > :after AND number IS NULL AND account_id IS NOT NULL ORDER BY key LIMIT :most"
    )
    some = query.columns(key=sa.String, account_id=KeptText)
    changed = sa.text("UPDATE accounts_in_review SET number = :number WHERE key = :key")
    while rows := connection.execute(some, {"after": after, "most": AT_ONCE}).all():
        after = rows[-1].key
        numbers = [{"key": row.key, "number": stored_number(account_number(row.account_id))} for row in rows]
        connection.execute(changed, numbers)


def _number_erased() -> None:
    """Number the erased accounts that were in review; of the others, only the digest is known."""
    op.execute(
        "UPDATE erased_accounts SET number = (SELECT accounts_in_review.number FROM accounts_in_review "
        "WHERE accounts_in_review.key = erased_accounts.key) WHERE number IS NULL"
    )
