"""The outbox: dead letters, committed with their batch, until the relay has sent them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, false, func, null, or_, select, true, update

from connectors.reviewdb.account_search import mentions
from connectors.reviewdb.models import OutboxRecord
from connectors.reviewdb.rows import headers_of, letter_of
from connectors.reviewdb.statements import table_of
from moderation.ports import OutboxRow

OUTBOX = table_of(OutboxRecord)
DEAD_LETTER_SUFFIX = "-dlt"
CHUNK = 1_000
ROWS_SEARCHED = 20
"""Number of rows loaded at a time in the search for an account, because records can be large."""
MAX_BYTES = 16 * 1024 * 1024
"""Bytes of records loaded at a time; a larger one is loaded separately."""

_KEPT = OUTBOX.c.erased_at.is_(None)
_WAITING = and_(OUTBOX.c.relayed_at.is_(None), OUTBOX.c.refused_at.is_(None), _KEPT)
_REFUSED = and_(OUTBOX.c.relayed_at.is_(None), OUTBOX.c.refused_at.is_not(None), _KEPT)
_KEY, _VALUE, _HEADERS = (
    func.coalesce(func.length(OUTBOX.c[name]), 0) for name in ("record_key", "record_value", "record_headers")
)


def dead_letter_topic(topic: str) -> str:
    """Return the topic that the dead letters of a topic go to."""
    return topic + DEAD_LETTER_SUFFIX


def waiting(connection: Connection, limit: int, logs: Collection[tuple[str, str]] | None = None) -> list[OutboxRow]:
    """Return the oldest waiting rows, up to MAX_BYTES; with *logs*, only letters from these.

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
    """Mark rows as sent and delete their bytes, which the dead-letter topic contains; the origins stay."""
    if not ids:
        return
    statement = (
        update(OUTBOX)
        .where(OUTBOX.c.id == bindparam("row_id"), OUTBOX.c.relayed_at.is_(None))
        .values(relayed_at=bindparam("now"), record_key=null(), record_value=null(), record_headers=null())
    )
    connection.execute(statement, [{"row_id": row_id, "now": now} for row_id in sorted(ids)])


def mark_refused(connection: Connection, ids: Sequence[int], reason: str, now: datetime) -> None:
    """Mark waiting rows as refused permanently: they keep their bytes and wait no longer."""
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


def oldest_unsent(connection: Connection, logs: Collection[tuple[str, str]] | None = None) -> datetime | None:
    """Return when the oldest letter that waits or was refused was recorded; None without one.

    With *logs*, only letters from these pairs of cluster and topic count.
    """
    unsent = or_(_WAITING, _REFUSED)
    query = select(OUTBOX.c.recorded_at).where(unsent, _from(logs)).order_by(OUTBOX.c.id).limit(1)
    found: datetime | None = connection.scalar(query)
    return found


def erase_account(connection: Connection, key: str, account_id: str, now: datetime) -> int:
    """Erase the letters of an account; return how many.

    A letter whose account is not known is erased where its bytes contain the account's id.
    """
    count = _erase(connection, OUTBOX.c.account_key == key, now)
    contains = mentions(account_id)
    columns = (OUTBOX.c.record_key, OUTBOX.c.record_value, OUTBOX.c.record_headers, OUTBOX.c.reason)
    query = select(OUTBOX.c.id, *columns).where(_KEPT, OUTBOX.c.account_key.is_(None)).order_by(OUTBOX.c.id)
    found = []
    for row in connection.execute(query.execution_options(yield_per=ROWS_SEARCHED)):
        headers = [value for _, value in headers_of(row.record_headers)]
        if contains([row.record_key, row.record_value, *headers, row.reason.encode("utf-8", "surrogatepass")]):
            found.append(row.id)
    for start in range(0, len(found), CHUNK):
        count += _erase(connection, OUTBOX.c.id.in_(found[start : start + CHUNK]), now)
    return count


def expire(connection: Connection, before: datetime, now: datetime) -> tuple[int, int]:
    """Erase the letters recorded before a time; return how many had not been relayed, and how many had."""
    old = OUTBOX.c.recorded_at <= before
    unsent = _erase(connection, and_(old, OUTBOX.c.relayed_at.is_(None)), now)
    return unsent, _erase(connection, old, now)


def _erase(connection: Connection, which: ColumnElement[bool], now: datetime) -> int:
    """Delete the content of records and reasons; the origins stay."""
    emptied = {"record_key": null(), "record_value": null(), "record_headers": null(), "reason": ""}
    return connection.execute(update(OUTBOX).where(_KEPT, which).values(**emptied, erased_at=now)).rowcount


def _from(logs: Collection[tuple[str, str]] | None) -> ColumnElement[bool]:
    if logs is None:
        return true()
    ours = [and_(OUTBOX.c.cluster_id == cluster_id, OUTBOX.c.topic == topic) for cluster_id, topic in sorted(logs)]
    return or_(false(), *ours)
