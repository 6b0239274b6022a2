"""The outbox: dead letters committed with the work that found them, until the relay has carried them out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, false, null, or_, select, update

from connectors.reviewdb.models import OutboxRecord
from connectors.reviewdb.rows import letter_of
from connectors.reviewdb.statements import table_of
from moderation.ports import OutboxRow

OUTBOX = table_of(OutboxRecord)
DEAD_LETTER_SUFFIX = "-dlt"


def dead_letter_topic(topic: str) -> str:
    """Where the dead letters of a topic go."""
    return topic + DEAD_LETTER_SUFFIX


def waiting(connection: Connection, limit: int, logs: Collection[tuple[str, str]] | None = None) -> list[OutboxRow]:
    """Oldest rows that were not relayed; with *logs*, pairs of cluster id and topic, only letters from these."""
    query = select(OUTBOX).where(OUTBOX.c.relayed_at.is_(None)).order_by(OUTBOX.c.id).limit(limit)
    if logs is not None:
        ours = [and_(OUTBOX.c.cluster_id == cluster_id, OUTBOX.c.topic == topic) for cluster_id, topic in sorted(logs)]
        query = query.where(or_(false(), *ours))
    return [OutboxRow(row.id, dead_letter_topic(row.topic), letter_of(row)) for row in connection.execute(query)]


def mark_relayed(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Mark rows as sent and let go of their bytes, which the dead-letter topic now keeps; the origins stay."""
    if not ids:
        return
    statement = (
        update(OUTBOX)
        .where(OUTBOX.c.id == bindparam("row_id"), OUTBOX.c.relayed_at.is_(None))
        .values(relayed_at=bindparam("now"), record_key=null(), record_value=null(), record_headers=null())
    )
    connection.execute(statement, [{"row_id": row_id, "now": now} for row_id in sorted(ids)])
