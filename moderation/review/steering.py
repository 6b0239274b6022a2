"""Figures for those who organise the work: thresholds on the live queue, groups, workload, time to a decision."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Double, Engine, String, and_, case, func, select

from connectors.reviewdb.engine import at_edge, one_view
from connectors.reviewdb.models import AccountInReviewRow, AuditSampleRow, DecisionRow, FlagRow
from connectors.reviewdb.review_models import BlindVerdictRow
from connectors.reviewdb.statements import table_of
from moderation.review.decisions import WITHDRAWN
from moderation.review.permissions import Actor
from moderation.review.quality_report import CLEARED, CONFIRMED, Quality, Share, quality, share

IN_REVIEW, FLAGS, DECISIONS, SAMPLES, BLIND = (
    table_of(row) for row in (AccountInReviewRow, FlagRow, DecisionRow, AuditSampleRow, BlindVerdictRow)
)
DAYS = 14
PARTS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
"""Thresholds as parts of the way that is left from the present threshold to 1."""
GROUP_KINDS = ("length", "language", "input method")
"""Parts of a stratum of the audit sample after its first part, flagged or not."""


@dataclass(frozen=True)
class AtThreshold:
    """What a threshold leaves in the queue.

    `hours` is the work at the median time per decision, None without one.
    """

    threshold: float
    accounts: int
    hours: float | None


@dataclass(frozen=True)
class GroupFlags:
    """Flagged posts of one group of the audit sample that were not a violation."""

    kind: str
    group: str
    wrong: Share


@dataclass(frozen=True)
class Day:
    """One day in UTC: accounts that came into review, and accounts that were decided."""

    day: date
    opened: int
    decided: int


@dataclass(frozen=True)
class Steering:
    """The figures. `late` are open accounts that have waited longer than `sla_hours`, `in_time` decided flags."""

    thresholds: tuple[AtThreshold, ...]
    groups: tuple[GroupFlags, ...]
    days: tuple[Day, ...]
    open_accounts: int
    late: int
    sla_hours: int
    in_time: Share
    oldest: datetime | None


def steering(engine: Engine, actor: Actor, now: datetime, threshold: float, sla_hours: int) -> Steering:
    """Return the figures; *threshold* is the present one of the risk model. Raises ConnectionLost."""
    measured = quality(engine, actor, now)
    with at_edge(engine), one_view(engine) as connection:
        waiting = and_(IN_REVIEW.c.open_flags > 0, IN_REVIEW.c.waiting_since < now - timedelta(hours=sla_hours))
        counted = select(func.count(), func.coalesce(func.sum(case((waiting, 1), else_=0)), 0))
        oldest = func.min(IN_REVIEW.c.waiting_since)
        queue = connection.execute(counted.add_columns(oldest).where(IN_REVIEW.c.open_flags > 0)).one()
        return Steering(
            thresholds=_thresholds(connection, threshold, measured),
            groups=_groups(connection),
            days=_days(connection, now),
            open_accounts=queue[0],
            late=queue[1],
            sla_hours=sla_hours,
            in_time=_in_time(connection, now, sla_hours),
            oldest=queue[2],
        )


def _thresholds(connection: Connection, present: float, measured: Quality) -> tuple[AtThreshold, ...]:
    """Return the queue at the present threshold and higher ones: what is below was never flagged."""
    chosen = [1.0 - (1.0 - present) * part for part in PARTS]
    counts = [func.coalesce(func.sum(case((IN_REVIEW.c.risk > one, 1), else_=0)), 0) for one in chosen]
    row = connection.execute(select(*counts).where(IN_REVIEW.c.open_flags > 0)).one()
    return tuple(
        AtThreshold(
            threshold=one,
            accounts=accounts,
            hours=None if measured.median_s is None else accounts * measured.median_s / 3_600,
        )
        for one, accounts in zip(chosen, row, strict=True)
    )


def _groups(connection: Connection) -> tuple[GroupFlags, ...]:
    query = select(SAMPLES.c.stratum, BLIND.c.verdict).join(BLIND, BLIND.c.assessment_key == SAMPLES.c.assessment_key)
    judged = BLIND.c.verdict.in_([CLEARED, CONFIRMED])
    rows = connection.execute(query.where(BLIND.c.kind == "sample", judged, SAMPLES.c.stratum.like("flagged|%")))
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for stratum, verdict in rows:
        for kind, group in zip(GROUP_KINDS, stratum.split("|")[1:], strict=False):
            found[kind, group][verdict] += 1
    return tuple(
        GroupFlags(kind, group, share(verdicts[CLEARED], verdicts.total()))
        for (kind, group), verdicts in sorted(found.items(), key=lambda one: (GROUP_KINDS.index(one[0][0]), one[0][1]))
    )


def _days(connection: Connection, now: datetime) -> tuple[Day, ...]:
    first = now.date() - timedelta(days=DAYS - 1)
    begin = datetime(first.year, first.month, first.day, tzinfo=now.tzinfo)
    day = _day_of(connection, IN_REVIEW.c.opened_at)
    opened = select(day, func.count()).where(IN_REVIEW.c.opened_at >= begin).group_by(day)
    day = _day_of(connection, DECISIONS.c.decided_at)
    unit = func.coalesce(FLAGS.c.account_key, FLAGS.c.post_key)
    query = select(day, func.count(unit.distinct())).join(FLAGS, FLAGS.c.id == DECISIONS.c.flag_id).group_by(day)
    query = query.where(DECISIONS.c.decided_at >= begin, DECISIONS.c.verdict != WITHDRAWN)
    came, decided = (
        Counter({date.fromisoformat(str(at)): count for at, count in connection.execute(one)})
        for one in (opened, query)
    )
    days = [first + timedelta(days=number) for number in range(DAYS)]
    return tuple(Day(day, came[day], decided[day]) for day in days)


def _day_of(connection: Connection, column: Any) -> Any:
    """Return the day in UTC of a time, whatever the time zone of the session is."""
    on_postgresql = connection.dialect.name == "postgresql"
    return func.date(func.timezone("UTC", column) if on_postgresql else column, type_=String)


def _in_time(connection: Connection, now: datetime, sla_hours: int) -> Share:
    """Return how many flags had their first decision in time, of those decided in the last days."""
    taken = _seconds(connection, DECISIONS.c.decided_at) - _seconds(connection, FLAGS.c.raised_at)
    # SQLite computes seconds from days, with an error far below a second.
    in_time = case((taken <= sla_hours * 3_600 + 0.001, 1), else_=0)
    query = select(func.coalesce(func.sum(in_time), 0), func.count())
    query = query.join_from(FLAGS, DECISIONS, DECISIONS.c.flag_id == FLAGS.c.id)
    recent = DECISIONS.c.decided_at >= now - timedelta(days=DAYS)
    part, of = connection.execute(query.where(DECISIONS.c.version == 1, recent)).one()
    return share(int(part), int(of))


def _seconds(connection: Connection, column: Any) -> Any:
    """Return a time as seconds since a fixed moment."""
    if connection.dialect.name == "postgresql":
        return func.extract("epoch", column)
    return func.julianday(column, type_=Double) * 86_400.0
