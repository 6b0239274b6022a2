"""The outbox: dead letters committed with the work that found them, until the relay has sent them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, false, func, null, or_, select, true, update

from connectors.reviewdb.models import OutboxRecord
from connectors.reviewdb.rows import letter_of
from connectors.reviewdb.statements import table_of
from moderation.ports import OutboxRow

OUTBOX = table_of(OutboxRecord)
DEAD_LETTER_SUFFIX = "-dlt"
MAX_BYTES = 16 * 1024 * 1024
"""Records loaded at a time; one that is larger is loaded alone."""

_WAITING = and_(OUTBOX.c.relayed_at.is_(None), OUTBOX.c.refused_at.is_(None))
_REFUSED = and_(OUTBOX.c.relayed_at.is_(None), OUTBOX.c.refused_at.is_not(None))
_KEY, _VALUE, _HEADERS = (
    func.coalesce(func.length(OUTBOX.c[name]), 0) for name in ("record_key", "record_value", "record_headers")
)


def dead_letter_topic(topic: str) -> str:
    """Return the topic that the dead letters of a topic go to."""
    return topic + DEAD_LETTER_SUFFIX


def waiting(connection: Connection, limit: int, logs: Collection[tuple[str, str]] | None = None) -> list[OutboxRow]:
    """Return the oldest rows that wait, up to MAX_BYTES; with *logs*, only letters from these.

    A log is a pair of cluster id and topic.
    """
    chosen: list[int] = []
    total = 0
    sizes = (
        select(OUTBOX.c.id, _KEY + _VALUE + _HEADERS).where(_WAITING, _from(logs)).order_by(OUTBOX.c.id).limit(limit)
    )
    for row_id, size in connection.execute(sizes):
        total += size
        if chosen and total > MAX_BYTES:
            break
        chosen.append(row_id)
    query = select(OUTBOX).where(OUTBOX.c.id.in_(chosen)).order_by(OUTBOX.c.id)
    return [OutboxRow(row.id, dead_letter_topic(row.topic), letter_of(row)) for row in connection.execute(query)]


def mark_relayed(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Mark rows as sent and drop their bytes, which the dead-letter topic now holds; the origins stay."""
    if not ids:
        return
    statement = (
        update(OUTBOX)
        .where(OUTBOX.c.id == bindparam("row_id"), OUTBOX.c.relayed_at.is_(None))
        .values(relayed_at=bindparam("now"), record_key=null(), record_value=null(), record_headers=null())
    )
    connection.execute(statement, [{"row_id": row_id, "now": now} for row_id in sorted(ids)])


def mark_refused(connection: Connection, ids: Sequence[int], reason: str, now: datetime) -> None:
    """Mark rows that wait as refused for good: they keep their bytes and wait no longer."""
    statement = update(OUTBOX).where(_WAITING, OUTBOX.c.id == bindparam("row_id"))
    if ids:
        marked = statement.values(refused_at=bindparam("now"), refused_reason=bindparam("why"))
        connection.execute(marked, [{"row_id": row_id, "now": now, "why": reason} for row_id in sorted(ids)])


def mark_log_refused(connection: Connection, log: tuple[str, str], reason: str, now: datetime) -> int:
    """Mark all letters from a log that wait as refused, without loading them; return how many."""
    statement = update(OUTBOX).where(_WAITING, _from([log]))
    return connection.execute(statement.values(refused_at=now, refused_reason=reason)).rowcount


def retry_refused(connection: Connection, logs: Collection[tuple[str, str]]) -> int:
    """Let refused letters from these logs wait again; return how many."""
    statement = update(OUTBOX).where(_REFUSED, _from(logs))
    return connection.execute(statement.values(refused_at=null(), refused_reason=null())).rowcount


def unsent(connection: Connection) -> tuple[int, dict[str, int]]:
    """Return how many letters wait, and how many were refused for each reason."""
    count = connection.scalar(select(func.count()).select_from(OUTBOX).where(_WAITING))
    reasons = select(OUTBOX.c.refused_reason, func.count()).where(_REFUSED).group_by(OUTBOX.c.refused_reason)
    return count or 0, {row[0]: row[1] for row in connection.execute(reasons)}


def _from(logs: Collection[tuple[str, str]] | None) -> ColumnElement[bool]:
    if logs is None:
        return true()
    ours = [and_(OUTBOX.c.cluster_id == cluster_id, OUTBOX.c.topic == topic) for cluster_id, topic in sorted(logs)]
    return or_(false(), *ours)
