"""Decisions that the relay has not sent. The table of decisions is their outbox, written with the decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, func, select, update

from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.in_review import flags_of
from connectors.reviewdb.models import DecisionRow, FlagRow
from connectors.reviewdb.statements import table_of

DECISIONS, FLAGS = table_of(DecisionRow), table_of(FlagRow)
SOURCE = "moderation console"


@dataclass(frozen=True)
class DecisionEvent:
    """A decision as an event, without the words and the names of people."""

    id: int
    key: str
    """The account, or the post without one: decisions about one account keep their order."""
    value: dict[str, Any]


def unsent_decisions(engine: Engine, platform_id: str, limit: int) -> list[DecisionEvent]:
    """Return the oldest decisions of a platform that were not sent. Raises ConnectionLost."""
    query = select(DECISIONS, FLAGS.c.platform_id, FLAGS.c.post_id, FLAGS.c.account_id)
    query = query.join(FLAGS, FLAGS.c.id == DECISIONS.c.flag_id).where(FLAGS.c.platform_id == platform_id)
    waiting = (DECISIONS.c.sent_at.is_(None), DECISIONS.c.refused_reason.is_(None))
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        rows = connection.execute(query.where(*waiting).order_by(DECISIONS.c.id).limit(limit)).all()
    return [_event(row) for row in rows]


def mark_sent(engine: Engine, ids: Sequence[int], now: datetime) -> None:
    """Mark decisions as sent. Raises ConnectionLost."""
    with at_edge(engine), engine.begin() as connection:
        connection.execute(update(DECISIONS).where(DECISIONS.c.id.in_(ids)).values(sent_at=now))


def mark_refused(engine: Engine, ids: Sequence[int], reason: str) -> None:
    """Mark decisions that the topic refuses, so that they hold up no other. Raises ConnectionLost."""
    with at_edge(engine), engine.begin() as connection:
        connection.execute(update(DECISIONS).where(DECISIONS.c.id.in_(ids)).values(refused_reason=reason))


def retry_refused(engine: Engine, platform_id: str) -> None:
    """Let refused decisions of a platform wait again, with all later ones about the same account.

    Those may have been sent: sent again after the refused one, they keep the order of the account. Raises
    ConnectionLost.
    """
    unit = func.coalesce(FLAGS.c.account_key, FLAGS.c.post_key)
    oldest = select(unit, func.min(DECISIONS.c.id)).join(FLAGS, FLAGS.c.id == DECISIONS.c.flag_id)
    oldest = oldest.where(DECISIONS.c.refused_reason.is_not(None), FLAGS.c.platform_id == platform_id).group_by(unit)
    with at_edge(engine), engine.begin() as connection:
        for key, first in connection.execute(oldest).all():
            later = (DECISIONS.c.id >= first, DECISIONS.c.flag_id.in_(select(FLAGS.c.id).where(flags_of(key))))
            connection.execute(update(DECISIONS).where(*later).values(refused_reason=None, sent_at=None))


def _event(row: Any) -> DecisionEvent:
    at = row.decided_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    value = {
        "type": "decision",
        "schema_version": 1,
        "decision_id": row.id,
        "supersedes": row.supersedes,
        "platform_id": row.platform_id,
        "account_id": row.account_id,
        "post_id": row.post_id,
        "flag_id": row.flag_id,
        "version": row.version,
        "verdict": row.verdict,
        "role": row.role,
        "at": at,
        "source": SOURCE,
    }
    return DecisionEvent(row.id, row.account_id or row.post_id, value)
