"""Decisions that the relay has not sent. The table of decisions is their outbox, written with the decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, func, select, update

from connectors.reviewdb.engine import at_edge
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
    """Return the oldest decisions of a platform that can be sent. Raises ConnectionLost.

    A decision about an account of which an earlier one was refused waits for it: a consumer must not read them in
    another order.
    """
    query = select(DECISIONS, FLAGS.c.platform_id, FLAGS.c.post_id, FLAGS.c.account_id)
    query = query.join(FLAGS, FLAGS.c.id == DECISIONS.c.flag_id).where(FLAGS.c.platform_id == platform_id)
    waiting = (DECISIONS.c.sent_at.is_(None), DECISIONS.c.refused_reason.is_(None), _unit(FLAGS).not_in(_refused()))
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        rows = connection.execute(query.where(*waiting).order_by(DECISIONS.c.id).limit(limit)).all()
    return [_event(row) for row in rows]


def _unit(flags: Any) -> ColumnElement[str]:
    return func.coalesce(flags.c.account_key, flags.c.post_key)


def _refused() -> Select[Any]:
    """Return the query of the accounts of which a decision was refused; there are few."""
    refused, flags = DECISIONS.alias(), FLAGS.alias()
    query = select(_unit(flags)).join(refused, refused.c.flag_id == flags.c.id)
    return query.where(refused.c.refused_reason.is_not(None))


def mark_sent(engine: Engine, ids: Sequence[int], now: datetime) -> None:
    """Mark decisions as sent. Raises ConnectionLost."""
    with at_edge(engine), engine.begin() as connection:
        connection.execute(update(DECISIONS).where(DECISIONS.c.id.in_(ids)).values(sent_at=now))


def mark_refused(engine: Engine, ids: Sequence[int], reason: str) -> None:
    """Mark decisions that the topic refuses, so that they hold up no other. Raises ConnectionLost."""
    with at_edge(engine), engine.begin() as connection:
        connection.execute(update(DECISIONS).where(DECISIONS.c.id.in_(ids)).values(refused_reason=reason))


def retry_refused(engine: Engine, platform_id: str) -> None:
    """Let refused decisions of a platform wait again. Raises ConnectionLost."""
    flags = select(FLAGS.c.id).where(FLAGS.c.platform_id == platform_id)
    refused = (DECISIONS.c.refused_reason.is_not(None), DECISIONS.c.flag_id.in_(flags))
    with at_edge(engine), engine.begin() as connection:
        connection.execute(update(DECISIONS).where(*refused).values(refused_reason=None))


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
        "policy": row.policy,
        "role": row.role,
        "at": at,
        "source": SOURCE,
    }
    return DecisionEvent(row.id, row.account_id or row.post_id, value)
