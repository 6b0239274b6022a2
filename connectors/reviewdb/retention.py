"""What must go again: evidence that has expired, evidence of an account, flags whose post was deleted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, bindparam, delete, select, update

from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.identity import account_key
from connectors.reviewdb.models import DeletedPostRow, EvidenceRow, FlagRow
from connectors.reviewdb.statements import table_of

CHUNK = 1_000
DELETED, EVIDENCE, FLAGS = table_of(DeletedPostRow), table_of(EvidenceRow), table_of(FlagRow)


def mark_deleted(connection: Connection, post_keys: Iterable[str], keep: timedelta) -> None:
    """Mark flags of deleted posts and start their clock: `keep` from the deletion, never later than it was.

    Called with every post that a batch flags or deletes, so that it does not matter which of the two came first.
    """
    keys = sorted(set(post_keys))
    if not keys:
        return
    found: list[tuple[str, datetime]] = []
    for start in range(0, len(keys), CHUNK):
        wanted = DELETED.c.post_key.in_(keys[start : start + CHUNK])
        rows = connection.execute(select(DELETED.c.post_key, DELETED.c.deleted_at).where(wanted))
        found.extend((row.post_key, row.deleted_at) for row in rows)
    if not found:
        return
    clocks = [{"at_key": key, "deleted_at": at, "until": at + keep} for key, at in found]
    connection.execute(
        update(FLAGS)
        .where(FLAGS.c.post_key == bindparam("at_key"), FLAGS.c.deleted_at.is_(None))
        .values(deleted_at=bindparam("deleted_at"), retain_until=bindparam("until")),
        clocks,
    )
    connection.execute(
        update(EVIDENCE)
        .where(EVIDENCE.c.post_key == bindparam("at_key"), EVIDENCE.c.expires_at > bindparam("until"))
        .values(expires_at=bindparam("until")),
        [{"at_key": clock["at_key"], "until": clock["until"]} for clock in clocks],
    )


def erase_account(engine: Engine, platform_id: str, account_id: str) -> int:
    """Delete the evidence of an account: texts, hashes and vectors. How many rows went. Raises ConnectionLost."""
    with at_edge(engine), engine.begin() as connection:
        key = account_key(platform_id, account_id)
        return connection.execute(delete(EVIDENCE).where(EVIDENCE.c.account_key == key)).rowcount


def expire(engine: Engine, now: datetime) -> int:
    """Delete the evidence whose time has come. How many rows went. Raises ConnectionLost."""
    with at_edge(engine), engine.begin() as connection:
        return connection.execute(delete(EVIDENCE).where(EVIDENCE.c.expires_at <= now)).rowcount
