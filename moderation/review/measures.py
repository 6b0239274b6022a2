"""Figures of the review for metrics: what waits, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, func, select
from sqlalchemy.orm import aliased

from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import AccountInReviewRow, AppealRow, DecisionRow, FlagRow
from connectors.reviewdb.statements import table_of
from moderation.review.appeals import DUE_IN
from moderation.review.decisions import WITHDRAWN

IN_REVIEW, DECISIONS, FLAGS, APPEALS = (table_of(row) for row in (AccountInReviewRow, DecisionRow, FlagRow, AppealRow))
QUEUES = ("open", "appeals")
STATES = ("waiting", "claimed", "held")
MOST_AT_ONCE = 10_000
"""Decisions whose durations are read at a time."""


class Waiting(NamedTuple):
    """Accounts of a queue in a state: their number, and how long the oldest has waited, in seconds."""

    accounts: int
    oldest_s: float


@dataclass(frozen=True)
class Measures:
    """Figures at one moment."""

    waiting: Mapping[tuple[str, str], Waiting]
    """By queue and state."""
    decisions: Mapping[str, int]
    """By verdict; withdrawals are the verdict `withdrawn`."""
    overturned: Mapping[str, int]
    """Decisions that a later one with another verdict replaced, by their own verdict."""


class Durations(NamedTuple):
    """Seconds from a flag or an appeal to its decision, and the last decision that was read."""

    open: list[float]
    appeals: list[float]
    last_id: int


def measures(engine: Engine, now: datetime) -> Measures:
    """Return the figures of the database."""
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        return Measures(_waiting(connection, now), _decisions(connection), _overturned(connection))


def _waiting(connection: Connection, now: datetime) -> dict[tuple[str, str], Waiting]:
    row = IN_REVIEW.c
    state = case((row.held_until > now, "held"), (row.claimed_until > now, "claimed"), else_="waiting")
    found = {(queue, name): Waiting(0, 0.0) for queue in QUEUES for name in STATES}
    parts: dict[str, tuple[ColumnElement[bool], ColumnElement[Any], float]] = {
        "open": (row.open_flags > 0, row.waiting_since, 0.0),
        "appeals": (row.appeal_due_at.is_not(None), row.appeal_due_at, DUE_IN.total_seconds()),
    }
    for queue, (within, since, beyond_s) in parts.items():
        query = select(state.label("state"), func.count(), func.min(since)).where(within).group_by("state")
        for name, count, oldest in connection.execute(query):
            age_s = 0.0 if oldest is None else (now - oldest).total_seconds() + beyond_s
            found[queue, name] = Waiting(count, max(0.0, age_s))
    return found


def _decisions(connection: Connection) -> dict[str, int]:
    query = select(DECISIONS.c.verdict, func.count()).group_by(DECISIONS.c.verdict)
    return {str(verdict): int(count) for verdict, count in connection.execute(query)}


def _overturned(connection: Connection) -> dict[str, int]:
    before, after = aliased(DecisionRow), aliased(DecisionRow)
    other = and_(after.verdict != before.verdict, after.verdict != WITHDRAWN, before.verdict != WITHDRAWN)
    query = select(before.verdict, func.count()).join(after, after.supersedes == before.id).where(other)
    return {str(verdict): int(count) for verdict, count in connection.execute(query.group_by(before.verdict))}


def last_decision(engine: Engine) -> int:
    """Return the id of the last decision; 0 without one."""
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        return int(connection.scalar(select(func.max(DECISIONS.c.id))) or 0)


def durations(engine: Engine, after: int) -> Durations:
    """Return how long the first decisions about flags, and decisions on appeals, took, for decisions after an id."""
    received = (
        select(func.max(APPEALS.c.received_at))
        .where(APPEALS.c.account_key == func.coalesce(FLAGS.c.account_key, FLAGS.c.post_key))
        .where(APPEALS.c.received_at <= DECISIONS.c.decided_at)
        .scalar_subquery()
    )
    query = (
        select(DECISIONS.c.id, DECISIONS.c.role, DECISIONS.c.supersedes, DECISIONS.c.decided_at)
        .add_columns(FLAGS.c.raised_at, received.label("received_at"))
        .join(FLAGS, FLAGS.c.id == DECISIONS.c.flag_id)
        .where(DECISIONS.c.id > after)
        .order_by(DECISIONS.c.id)
        .limit(MOST_AT_ONCE)
    )
    found = Durations([], [], after)
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        for row in connection.execute(query):
            found = found._replace(last_id=row.id)
            if row.role == "appeals" and row.received_at is not None:
                found.appeals.append((row.decided_at - row.received_at).total_seconds())
            elif row.supersedes is None:
                found.open.append((row.decided_at - row.raised_at).total_seconds())
    return found
