"""Figures of the review for metrics: what waits, and what was decided."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, func, select
from sqlalchemy.orm import aliased

from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import AccountInReviewRow, DecisionRow, FlagRow
from connectors.reviewdb.review_models import AppealRow
from connectors.reviewdb.statements import table_of
from moderation.review.appeals import DUE_IN
from moderation.review.decisions import WITHDRAWN

IN_REVIEW, DECISIONS, FLAGS, APPEALS = (table_of(row) for row in (AccountInReviewRow, DecisionRow, FlagRow, AppealRow))
QUEUES = ("open", "appeals")
STATES = ("waiting", "claimed", "held")
MOST_AT_ONCE = 10_000
"""Decisions that are read at a time."""
SETTLED = timedelta(minutes=5)
"""A transaction that decides is committed within this time."""


class Waiting(NamedTuple):
    """Accounts of a queue in a state: their number, and how long the oldest has waited, in seconds."""

    accounts: int
    oldest_s: float


class Decided(NamedTuple):
    """A decision: its verdict, the verdict that it replaced by another one, and the queue with the seconds of waiting.

    `waited` counts from the flag to its first decision, or from an appeal to its decision; None for others.
    """

    id: int
    at: datetime
    verdict: str
    replaced: str | None
    waited: tuple[str, float] | None


class DecisionCounts:
    """Counts of all decisions of a database, which read each decision once.

    A decision can be committed after one with a larger id. Those of the last SETTLED are therefore read again at each
    update, and counted where they were not counted before.
    """

    def __init__(self) -> None:
        self.decisions: Counter[str] = Counter()
        """By verdict; withdrawals are the verdict `withdrawn`."""
        self.overturned: Counter[str] = Counter()
        """Decisions that a later one with another verdict replaced, by their own verdict."""
        self._settled: int | None = None
        self._counted: set[int] = set()

    def update(self, engine: Engine, now: datetime) -> list[Decided]:
        """Count what is new, and return it; the first call counts all and returns what is not settled yet."""
        found: list[Decided] = []
        with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
            settled = counted_until(connection, now - SETTLED)
            if self._settled is None:
                decided, overturned = totals(connection, settled)
                self.decisions.update(decided)
                self.overturned.update(overturned)
                self._settled = settled
            after = self._settled
            while rows := decided_after(connection, after):
                found += [row for row in rows if row.id not in self._counted]
                after = rows[-1].id
        for row in found:
            self.decisions[row.verdict] += 1
            if row.replaced is not None:
                self.overturned[row.replaced] += 1
        self._counted = {number for number in self._counted | {row.id for row in found} if number > settled}
        self._settled = settled
        return found


def waiting(engine: Engine, now: datetime) -> dict[tuple[str, str], Waiting]:
    """Return what waits, by queue and state."""
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        return _waiting(connection, now)


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


def counted_until(connection: Connection, settled: datetime) -> int:
    """Return the id of the last decision before a time; 0 without one."""
    return int(connection.scalar(select(func.max(DECISIONS.c.id)).where(DECISIONS.c.decided_at < settled)) or 0)


def totals(connection: Connection, until: int) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many decisions up to an id have each verdict, and how many of each were replaced by another one.

    This reads all decisions: a console does it once, when its metrics are read for the first time.
    """
    query = select(DECISIONS.c.verdict, func.count()).where(DECISIONS.c.id <= until).group_by(DECISIONS.c.verdict)
    decided = {str(verdict): int(count) for verdict, count in connection.execute(query)}
    before, after = aliased(DecisionRow), aliased(DecisionRow)
    other = and_(after.verdict != before.verdict, after.verdict != WITHDRAWN, before.verdict != WITHDRAWN)
    replaced = select(before.verdict, func.count()).join(after, after.supersedes == before.id)
    replaced = replaced.where(other, after.id <= until).group_by(before.verdict)
    return decided, {str(verdict): int(count) for verdict, count in connection.execute(replaced)}


def decided_after(connection: Connection, last_id: int) -> list[Decided]:
    """Return decisions with a larger id, at most MOST_AT_ONCE."""
    received = (
        select(func.max(APPEALS.c.received_at))
        .where(APPEALS.c.account_key == func.coalesce(FLAGS.c.account_key, FLAGS.c.post_key))
        .where(APPEALS.c.received_at <= DECISIONS.c.decided_at)
        .scalar_subquery()
    )
    before = aliased(DecisionRow)
    query = (
        select(DECISIONS, FLAGS.c.raised_at, received.label("received_at"), before.verdict.label("replaced"))
        .join(FLAGS, FLAGS.c.id == DECISIONS.c.flag_id)
        .outerjoin(before, before.id == DECISIONS.c.supersedes)
        .where(DECISIONS.c.id > last_id)
        .order_by(DECISIONS.c.id)
        .limit(MOST_AT_ONCE)
    )
    return [_decided(row) for row in connection.execute(query)]


def _decided(row: Any) -> Decided:
    waited: tuple[str, float] | None = None
    if row.role == "appeals" and row.received_at is not None:
        waited = "appeals", (row.decided_at - row.received_at).total_seconds()
    elif row.supersedes is None:
        waited = "open", (row.decided_at - row.raised_at).total_seconds()
    replaced = row.replaced not in (None, WITHDRAWN, row.verdict) and row.verdict != WITHDRAWN
    return Decided(row.id, row.decided_at, row.verdict, row.replaced if replaced else None, waited)
