"""A post is identified within its account; erased accounts are remembered; dead letters can be erased.

Digests of existing rows are computed again from the ids that the rows hold. Where posts of several accounts would share
a digest of the older revision, the downgrade gives it to one account and leaves the digests of the others as they are:
nothing is lost, and the next upgrade computes the same digests as before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from connectors.reviewdb.columns import KeptText, UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

DIGEST = sa.String(64)
CHUNK = 1_000
REFERRING = ("evidence", "flags", "audit_samples")
"""Tables that hold the key of an assessment."""

Scope = Callable[[Any], tuple[str, ...]]
"""What stands between platform and post id in a digest: nothing before this revision, the account since."""


def _table(name: str, digests: tuple[str, ...], texts: tuple[str, ...]) -> sa.TableClause:
    columns = [sa.column(digest, DIGEST) for digest in digests]
    return sa.table(name, *columns, *(sa.column(text, KeptText()) for text in texts))


IDS = ("platform_id", "account_id", "post_id")
VERSIONS = ("features_version", "detector_version", "risk_version")
ASSESSMENTS = _table("assessments", ("key", "flag_key", "post_id_key"), (*IDS, "content_hash", *VERSIONS))
EVIDENCE = _table("evidence", ("assessment_key", "post_key"), ())
FLAGS = _table("flags", ("assessment_key", "key", "post_key"), ())
AUDIT_SAMPLES = _table("audit_samples", ("assessment_key", "flag_key"), ())
DELETED_POSTS = _table("deleted_posts", ("post_key",), IDS)
LABELS = _table("labels", ("event_key", "post_key"), IDS)
DIGESTS = ("old_key", "key", "flag_key", "post_key")
REKEYED = _table("rekeyed", DIGESTS, ())


def upgrade() -> None:
    """Add the columns and the table, and scope the digests by account."""
    op.create_table(
        "erased_accounts",
        sa.Column("key", DIGEST, nullable=False),
        sa.Column("erased_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_erased_accounts"),
    )
    op.add_column("outbox", sa.Column("account_key", DIGEST))
    op.add_column("outbox", sa.Column("erased_at", UtcTime))
    op.create_index("ix_outbox_account_key", "outbox", ["account_key"])
    _waiting_index("relayed_at IS NULL AND refused_at IS NULL AND erased_at IS NULL")
    with op.batch_alter_table("deleted_posts") as deleted_posts:
        deleted_posts.alter_column("account_id", existing_type=KeptText(), nullable=True)
    op.add_column("assessments", sa.Column("post_id_key", DIGEST, server_default=sa.text("''"), nullable=False))
    for page in _pages(ASSESSMENTS, "key", "platform_id", "post_id"):
        keys = [{"row": row.key, "to": _digest("post id", row.platform_id, row.post_id)} for row in page]
        statement = sa.update(ASSESSMENTS).where(ASSESSMENTS.c.key == sa.bindparam("row"))
        op.get_bind().execute(statement.values(post_id_key=sa.bindparam("to")), keys)
    op.create_index("ix_assessments_post_id_key", "assessments", ["post_id_key"])
    _rekey(_with_account)
    _rekey_posts(DELETED_POSTS, "post_key", _with_account)
    _rekey_posts(LABELS, "event_key", _with_account)


def downgrade() -> None:
    """Take the account out of the digests; deletions without an account and the erased accounts are lost."""
    op.execute("DELETE FROM deleted_posts WHERE account_id IS NULL")
    _rekey(_for_the_first_account(ASSESSMENTS))
    _rekey_posts(DELETED_POSTS, "post_key", _for_the_first_account(DELETED_POSTS))
    _rekey_posts(LABELS, "event_key", lambda _row: ())
    op.drop_index("ix_assessments_post_id_key", "assessments")
    op.drop_column("assessments", "post_id_key")
    with op.batch_alter_table("deleted_posts") as deleted_posts:
        deleted_posts.alter_column("account_id", existing_type=KeptText(), nullable=False)
    op.execute("UPDATE outbox SET relayed_at = erased_at WHERE relayed_at IS NULL AND erased_at IS NOT NULL")
    _waiting_index("relayed_at IS NULL AND refused_at IS NULL")
    op.drop_index("ix_outbox_account_key", "outbox")
    op.drop_column("outbox", "erased_at")
    op.drop_column("outbox", "account_key")
    op.drop_table("erased_accounts")


def _waiting_index(condition: str) -> None:
    waiting = sa.text(condition)
    op.drop_index("ix_outbox_waiting", "outbox")
    op.create_index("ix_outbox_waiting", "outbox", ["id"], sqlite_where=waiting, postgresql_where=waiting)


def _with_account(row: Any) -> tuple[str, ...]:
    return () if row.account_id is None else (row.account_id,)


def _for_the_first_account(table: sa.TableClause) -> Scope:
    """Return the scope of the older revision for one account of each post id, and this one's for the others."""
    account = table.c.account_id
    query = sa.select(table.c.platform_id, table.c.post_id, sa.func.min(account))
    query = query.group_by(table.c.platform_id, table.c.post_id).having(sa.func.count(account.distinct()) > 1)
    first = {(platform, post): account_id for platform, post, account_id in op.get_bind().execute(query)}

    def scope(row: Any) -> tuple[str, ...]:
        only = first.get((row.platform_id, row.post_id), row.account_id)
        return () if row.account_id == only else _with_account(row)

    return scope


def _rekey(scope: Scope) -> None:
    """Give the assessments and all rows that refer to them the digests of a scope."""
    op.create_table(REKEYED.name, *(sa.Column(name, DIGEST, primary_key=name == "old_key") for name in DIGESTS))
    wanted = ("key", *IDS, "content_hash", *VERSIONS)
    for page in _pages(ASSESSMENTS, *wanted):
        op.get_bind().execute(sa.insert(REKEYED), [_digests(row, scope(row)) for row in page])
    _release_references()
    _set_from_rekeyed(EVIDENCE, "assessment_key", {"post_key": "post_key", "assessment_key": "key"})
    flag_columns = {"key": "flag_key", "post_key": "post_key", "assessment_key": "key"}
    _set_from_rekeyed(FLAGS, "assessment_key", flag_columns)
    _set_from_rekeyed(AUDIT_SAMPLES, "assessment_key", {"flag_key": "flag_key", "assessment_key": "key"})
    _set_from_rekeyed(ASSESSMENTS, "key", {"flag_key": "flag_key", "key": "key"})
    _restore_references()
    op.drop_table(REKEYED.name)


def _digests(row: Any, scope: tuple[str, ...]) -> dict[str, str]:
    versions = [getattr(row, name) for name in VERSIONS]
    ids = (row.platform_id, *scope, row.post_id)
    return {
        "old_key": row.key,
        "key": _digest("assessment", *ids, row.content_hash, *versions),
        "flag_key": _digest("flag", *ids, row.content_hash),
        "post_key": _digest("post", *ids),
    }


def _set_from_rekeyed(table: sa.TableClause, refers: str, columns: dict[str, str]) -> None:
    row = REKEYED.c.old_key == table.c[refers]
    found = {column: sa.select(REKEYED.c[name]).where(row).scalar_subquery() for column, name in columns.items()}
    op.get_bind().execute(sa.update(table).values(found))


def _release_references() -> None:
    """SQLite checks references at the commit; PostgreSQL gets them back when all digests are set."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("PRAGMA defer_foreign_keys = ON")
        return
    for table in REFERRING:
        op.drop_constraint(f"fk_{table}_assessment_key_assessments", table)


def _restore_references() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    for table in REFERRING:
        op.create_foreign_key(
            f"fk_{table}_assessment_key_assessments", table, "assessments", ["assessment_key"], ["key"]
        )


def _rekey_posts(table: sa.TableClause, primary_key: str, scope: Scope) -> None:
    """Give rows that name a post by its ids the digest of a scope."""
    names = dict.fromkeys((primary_key, "post_key", *IDS))
    for page in _pages(table, *names):
        keys = [
            {"row": getattr(row, primary_key), "to": _digest("post", row.platform_id, *scope(row), row.post_id)}
            for row in page
            if row.post_id is not None
        ]
        if keys:
            statement = sa.update(table).where(table.c[primary_key] == sa.bindparam("row"))
            op.get_bind().execute(statement.values(post_key=sa.bindparam("to")), keys)


def _pages(table: sa.TableClause, first: str, *others: str) -> Iterator[list[Any]]:
    """Yield all rows in pages, in the order of their first column, which is unique.

    A row whose key is changed meanwhile can come twice, which gives it the same digests again.
    """
    order, last = table.c[first], None
    while True:
        query = sa.select(order, *(table.c[name] for name in others)).order_by(order).limit(CHUNK)
        page = list(op.get_bind().execute(query if last is None else query.where(order > last)))
        if not page:
            return
        yield page
        last = getattr(page[-1], first)


def _digest(*parts: str) -> str:
    """SHA-256 over the parts, each with its length in front, as `identity.digest` computed it at this revision."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "big"))
        state.update(data)
    return state.hexdigest()
