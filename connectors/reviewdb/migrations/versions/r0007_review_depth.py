"""Escalation, assignment, second persons, notes, decisions about many accounts, blind verdicts, statements."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connectors.reviewdb.columns import Counter, Json, KeptText, UtcTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

DIGEST = sa.String(64)
NAME = sa.String(32)
TO_PEOPLE = ("escalated_by", "assigned_to")
ACCOUNT_COLUMNS = ("followers", "claimed_since", "escalated_at", "escalated_reason", *TO_PEOPLE)
TABLES = ("statements", "golden_items", "blind_verdicts", "bulk_decisions", "first_verdicts", "notes")
UNSENT = "ix_decisions_unsent"
MARKED = {
    "ix_accounts_in_review_claimed_by": "claimed_by",
    "ix_accounts_in_review_assigned_to": "assigned_to",
    "ix_accounts_in_review_escalated_at": "escalated_at",
}
"""Indexes of the few accounts that a person works on."""


def upgrade() -> None:
    """Add columns and tables; no row changes its meaning."""
    with op.batch_alter_table("accounts_in_review") as table:
        table.add_column(sa.Column("followers", sa.BigInteger))
        table.add_column(sa.Column("claimed_since", UtcTime))
        table.add_column(sa.Column("escalated_at", UtcTime))
        table.add_column(sa.Column("escalated_by", Counter))
        table.add_column(sa.Column("escalated_reason", KeptText))
        table.add_column(sa.Column("assigned_to", Counter))
        for column in TO_PEOPLE:
            table.create_foreign_key(f"fk_accounts_in_review_{column}_people", "people", [column], ["id"])
    for name, column in MARKED.items():
        marked = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, "accounts_in_review", [column], sqlite_where=marked, postgresql_where=marked)
    with op.batch_alter_table("people") as table:
        table.add_column(sa.Column("preferences", Json, server_default="{}", nullable=False))
        table.add_column(sa.Column("oidc_key", DIGEST))
        table.create_unique_constraint("uq_people_oidc_key", ["oidc_key"])
    op.add_column("decisions", sa.Column("seconds", sa.Double))
    op.add_column("decisions", sa.Column("sent_at", UtcTime))
    op.add_column("decisions", sa.Column("refused_reason", KeptText))
    unsent = sa.text("sent_at IS NULL AND refused_reason IS NULL")
    op.create_index(UNSENT, "decisions", ["id"], sqlite_where=unsent, postgresql_where=unsent)
    op.create_index("ix_decisions_decided_at", "decisions", ["decided_at"])
    op.create_index("ix_decisions_supersedes", "decisions", ["supersedes"])
    op.create_index("ix_audit_samples_drawn_at", "audit_samples", ["drawn_at"])
    _about_accounts()
    _quality()


def downgrade() -> None:
    """Drop the tables and columns; decisions stay."""
    for name in TABLES:
        op.drop_table(name)
    op.drop_index("ix_audit_samples_drawn_at", "audit_samples")
    for name in (UNSENT, "ix_decisions_decided_at", "ix_decisions_supersedes"):
        op.drop_index(name, "decisions")
    for column in ("refused_reason", "sent_at", "seconds"):
        op.drop_column("decisions", column)
    with op.batch_alter_table("people") as table:
        table.drop_constraint("uq_people_oidc_key", type_="unique")
        table.drop_column("oidc_key")
        table.drop_column("preferences")
    for name in MARKED:
        op.drop_index(name, "accounts_in_review")
    with op.batch_alter_table("accounts_in_review") as table:
        for column in TO_PEOPLE:
            table.drop_constraint(f"fk_accounts_in_review_{column}_people", type_="foreignkey")
        for column in ACCOUNT_COLUMNS:
            table.drop_column(column)


def _to(table: str, column: str, other: str, other_column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.{other_column}"], name=f"fk_{table}_{column}_{other}")


def _about_accounts() -> None:
    op.create_table(
        "notes",
        sa.Column("account_key", DIGEST, nullable=False),
        sa.Column("text", KeptText, nullable=False),
        sa.Column("person_id", Counter, nullable=False),
        sa.Column("written_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("account_key", name="pk_notes"),
        _to("notes", "account_key", "accounts_in_review", "key"),
        _to("notes", "person_id", "people", "id"),
    )
    op.create_table(
        "first_verdicts",
        sa.Column("account_key", DIGEST, nullable=False),
        sa.Column("person_id", Counter, nullable=False),
        sa.Column("verdict", NAME, nullable=False),
        sa.Column("ground", KeptText, nullable=False),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("seconds", sa.Double),
        sa.Column("given_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("account_key", name="pk_first_verdicts"),
        _to("first_verdicts", "account_key", "accounts_in_review", "key"),
        _to("first_verdicts", "person_id", "people", "id"),
    )
    op.create_table(
        "bulk_decisions",
        sa.Column("id", Counter, autoincrement=True, nullable=False),
        sa.Column("person_id", Counter, nullable=False),
        sa.Column("verdict", NAME, nullable=False),
        sa.Column("account_keys", Json, nullable=False),
        sa.Column("decided_at", UtcTime, nullable=False),
        sa.Column("withdrawn_at", UtcTime),
        sa.PrimaryKeyConstraint("id", name="pk_bulk_decisions"),
        _to("bulk_decisions", "person_id", "people", "id"),
    )
    op.create_table(
        "statements",
        sa.Column("puid", DIGEST, nullable=False),
        sa.Column("account_key", DIGEST, nullable=False),
        sa.Column("decision_id", Counter, nullable=False),
        sa.Column("content", Json, nullable=False),
        sa.Column("built_at", UtcTime, nullable=False),
        sa.Column("withdrawn_at", UtcTime),
        sa.PrimaryKeyConstraint("puid", name="pk_statements"),
        sa.UniqueConstraint("decision_id", name="uq_statements_decision_id"),
        _to("statements", "decision_id", "decisions", "id"),
        _to("statements", "account_key", "accounts_in_review", "key"),
    )
    op.create_index("ix_statements_built_at_puid", "statements", ["built_at", "puid"])
    op.create_index("ix_statements_account_key", "statements", ["account_key"])


def _quality() -> None:
    op.create_table(
        "blind_verdicts",
        sa.Column("id", Counter, autoincrement=True, nullable=False),
        sa.Column("assessment_key", DIGEST, nullable=False),
        sa.Column("person_id", Counter, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("verdict", NAME, nullable=False),
        sa.Column("seconds", sa.Double),
        sa.Column("given_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_blind_verdicts"),
        sa.UniqueConstraint("assessment_key", "person_id", name="uq_blind_verdicts_assessment_key_person_id"),
        _to("blind_verdicts", "assessment_key", "assessments", "key"),
        _to("blind_verdicts", "person_id", "people", "id"),
    )
    op.create_table(
        "golden_items",
        sa.Column("assessment_key", DIGEST, nullable=False),
        sa.Column("verdict", NAME, nullable=False),
        sa.Column("person_id", Counter, nullable=False),
        sa.Column("added_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("assessment_key", name="pk_golden_items"),
        _to("golden_items", "assessment_key", "assessments", "key"),
        _to("golden_items", "person_id", "people", "id"),
    )
