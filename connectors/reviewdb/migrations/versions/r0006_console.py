"""The console: people, sessions, tokens, the queue with claims, holds, skips, visits and appeals, and the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connectors.reviewdb.columns import Counter, Json, KeptText, UtcTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

DIGEST = sa.String(64)
NAME = sa.String(32)
QUEUE = "ix_accounts_in_review_queue"
APPEALS = "ix_accounts_in_review_appeals"
FAMILIES = "ix_accounts_in_review_families"
QUEUE_COLUMNS = ("appeal_due_at", "held_reason", "held_until", "held_by", "claimed_until", "claimed_by")
STATE_COLUMNS = ("top_assessment", "families", "waiting_since", "risk", "open_flags")
TABLES = ("idempotency_keys", "appeals", "audit_head", "audit_log", "visits", "skips", "api_tokens", "sessions")


def upgrade() -> None:
    """Add the tables; accounts with open flags are in the queue, and so are flagged posts without an account."""
    op.add_column("assessments", sa.Column("content_abstained", sa.String(16)))
    _people()
    _queue()
    _marks()
    _audit()
    op.create_table(
        "idempotency_keys",
        sa.Column("person_id", Counter, nullable=False),
        sa.Column("key", DIGEST, nullable=False),
        sa.Column("request_digest", DIGEST, nullable=False),
        sa.Column("response", Json, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("person_id", "key", name="pk_idempotency_keys"),
        _to_people("idempotency_keys", "person_id"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def downgrade() -> None:
    """Drop the tables; decisions stay, withdrawals of decisions too."""
    _allow_changes_of_the_audit_log()
    for name in TABLES:
        op.drop_table(name)
    op.drop_index(QUEUE, "accounts_in_review")
    op.drop_index(APPEALS, "accounts_in_review")
    op.drop_index(FAMILIES, "accounts_in_review")
    op.execute("DELETE FROM accounts_in_review WHERE account_id IS NULL")
    with op.batch_alter_table("accounts_in_review") as table:
        table.drop_constraint("fk_accounts_in_review_claimed_by_people", type_="foreignkey")
        table.drop_constraint("fk_accounts_in_review_held_by_people", type_="foreignkey")
        for column in (*QUEUE_COLUMNS, *STATE_COLUMNS):
            table.drop_column(column)
        table.alter_column("account_id", existing_type=KeptText(), nullable=False)
    op.drop_table("people")
    op.drop_column("assessments", "content_abstained")


def _to_people(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["people.id"], name=f"fk_{table}_{column}_people")


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("id", Counter, autoincrement=True, nullable=False),
        sa.Column("key", DIGEST, nullable=False),
        sa.Column("name", KeptText, nullable=False),
        sa.Column("role", NAME, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("disabled_at", UtcTime),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.UniqueConstraint("key", name="uq_people_key"),
    )
    op.create_table(
        "sessions",
        sa.Column("token_digest", DIGEST, nullable=False),
        sa.Column("person_id", Counter, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=False),
        sa.Column("revoked_at", UtcTime),
        sa.PrimaryKeyConstraint("token_digest", name="pk_sessions"),
        _to_people("sessions", "person_id"),
    )
    op.create_index("ix_sessions_person_id", "sessions", ["person_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "api_tokens",
        sa.Column("id", Counter, autoincrement=True, nullable=False),
        sa.Column("token_digest", DIGEST, nullable=False),
        sa.Column("person_id", Counter, nullable=False),
        sa.Column("name", KeptText, nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=False),
        sa.Column("revoked_at", UtcTime),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("token_digest", name="uq_api_tokens_token_digest"),
        _to_people("api_tokens", "person_id"),
    )
    op.create_index("ix_api_tokens_person_id", "api_tokens", ["person_id"])


def _queue() -> None:
    with op.batch_alter_table("accounts_in_review") as table:
        table.alter_column("account_id", existing_type=KeptText(), nullable=True)
        table.add_column(sa.Column("open_flags", sa.BigInteger, server_default="0", nullable=False))
        table.add_column(sa.Column("risk", sa.Double, server_default="0", nullable=False))
        table.add_column(sa.Column("waiting_since", UtcTime))
        table.add_column(sa.Column("families", Json, server_default="[]", nullable=False))
        table.add_column(sa.Column("top_assessment", DIGEST))
        table.add_column(sa.Column("claimed_by", Counter))
        table.add_column(sa.Column("claimed_until", UtcTime))
        table.add_column(sa.Column("held_by", Counter))
        table.add_column(sa.Column("held_until", UtcTime))
        table.add_column(sa.Column("held_reason", KeptText))
        table.add_column(sa.Column("appeal_due_at", UtcTime))
        for column in ("claimed_by", "held_by"):
            table.create_foreign_key(f"fk_accounts_in_review_{column}_people", "people", [column], ["id"])
    op.execute(
        "INSERT INTO accounts_in_review (key, platform_id, account_id, opened_at) "
        "SELECT post_key, platform_id, NULL, MIN(raised_at) FROM flags "
        "WHERE account_key IS NULL GROUP BY post_key, platform_id"
    )
    unit = "COALESCE(account_key, post_key) = accounts_in_review.key AND status = 'open'"
    joined = f"FROM flags JOIN assessments ON assessments.key = flags.assessment_key WHERE {unit}"
    first = "ORDER BY COALESCE(assessments.risk, 0) DESC, flags.id LIMIT 1"
    op.create_index("ix_temporary_unit", "flags", [sa.text("COALESCE(account_key, post_key)")])
    op.execute(
        "UPDATE accounts_in_review SET "  # nosec B608  # noqa: S608  # constants of this file
        f"open_flags = (SELECT COUNT(*) FROM flags WHERE {unit}), "
        f"waiting_since = (SELECT MIN(raised_at) FROM flags WHERE {unit}), "
        f"risk = COALESCE((SELECT MAX(assessments.risk) {joined}), 0), "
        f"families = COALESCE((SELECT agreeing {joined} {first}), '[]'), "
        f"top_assessment = (SELECT assessment_key {joined} {first})"
    )
    op.drop_index("ix_temporary_unit", "flags")
    queued = sa.text("open_flags > 0")
    columns = [sa.text("risk DESC"), sa.text("waiting_since"), sa.text("key")]
    op.create_index(QUEUE, "accounts_in_review", columns, sqlite_where=queued, postgresql_where=queued)
    op.create_index(FAMILIES, "accounts_in_review", ["families"], sqlite_where=queued, postgresql_where=queued)
    due = sa.text("appeal_due_at IS NOT NULL")
    op.create_index(APPEALS, "accounts_in_review", ["appeal_due_at", "key"], sqlite_where=due, postgresql_where=due)


def _marks() -> None:
    op.create_table(
        "appeals",
        sa.Column("id", Counter, autoincrement=True, nullable=False),
        sa.Column("account_key", DIGEST, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("statement", KeptText, nullable=False),
        sa.Column("received_at", UtcTime, nullable=False),
        sa.Column("due_at", UtcTime, nullable=False),
        sa.Column("decided_at", UtcTime),
        sa.Column("verdict", NAME),
        sa.PrimaryKeyConstraint("id", name="pk_appeals"),
        sa.ForeignKeyConstraint(
            ["account_key"], ["accounts_in_review.key"], name="fk_appeals_account_key_accounts_in_review"
        ),
    )
    op.create_index("ix_appeals_account_key", "appeals", ["account_key"])
    for table, columns in (
        ("skips", [sa.Column("reason", KeptText, nullable=False), sa.Column("skipped_at", UtcTime, nullable=False)]),
        ("visits", [sa.Column("seen_at", UtcTime, nullable=False)]),
    ):
        op.create_table(
            table,
            sa.Column("account_key", DIGEST, nullable=False),
            sa.Column("person_id", Counter, nullable=False),
            *columns,
            sa.PrimaryKeyConstraint("account_key", "person_id", name=f"pk_{table}"),
            sa.ForeignKeyConstraint(
                ["account_key"], ["accounts_in_review.key"], name=f"fk_{table}_account_key_accounts_in_review"
            ),
            _to_people(table, "person_id"),
        )


def _audit() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", Counter, autoincrement=False, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("actor", KeptText, nullable=False),
        sa.Column("action", NAME, nullable=False),
        sa.Column("account_key", DIGEST),
        sa.Column("details", Json),
        sa.Column("salt", DIGEST),
        sa.Column("details_digest", DIGEST, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
    )
    op.create_index("ix_audit_log_account_key", "audit_log", ["account_key"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("last_id", sa.BigInteger, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    _refuse_changes_of_the_audit_log()


def _refuse_changes_of_the_audit_log() -> None:
    """Let the database refuse to delete entries, and to change more than to empty `details` and `salt`."""
    kept = ("id", "at", "actor", "action", "account_key", "details_digest", "digest")
    if op.get_bind().dialect.name == "sqlite":
        refusal = "SELECT RAISE(ABORT, 'audit_log is append-only')"
        changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in kept)
        op.execute(f"CREATE TRIGGER audit_log_keeps_rows BEFORE DELETE ON audit_log BEGIN {refusal}; END")
        op.execute(
            "CREATE TRIGGER audit_log_keeps_values BEFORE UPDATE ON audit_log "
            f"WHEN {changed} OR NEW.details IS NOT NULL OR NEW.salt IS NOT NULL BEGIN {refusal}; END"
        )
        return
    changed = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in kept)
    op.execute(
        "CREATE FUNCTION audit_log_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'UPDATE' AND NOT ({changed} OR NEW.details IS NOT NULL OR NEW.salt IS NOT NULL) THEN "
        "RETURN NEW; END IF; RAISE EXCEPTION 'audit_log is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_log_keeps BEFORE UPDATE OR DELETE ON audit_log "
        "FOR EACH ROW EXECUTE FUNCTION audit_log_append_only()"
    )
    op.execute(
        "CREATE TRIGGER audit_log_is_not_truncated BEFORE TRUNCATE ON audit_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only()"
    )


def _allow_changes_of_the_audit_log() -> None:
    """Drop the function of PostgreSQL; the triggers are dropped with the table."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_log_append_only() CASCADE")
