"""Figures for those who organise the work: thresholds on the live queue, groups, workload, time to a decision."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Double, Engine, String, case, func, select

from connectors.reviewdb.engine import at_edge, one_view
from connectors.reviewdb.models import AccountInReviewRow, AuditSampleRow, DecisionRow, FlagRow
from connectors.reviewdb.review_models import BlindVerdictRow
from connectors.reviewdb.statements import table_of
from moderation.review.decisions import WITHDRAWN
from moderation.review.permissions import Actor
from moderation.review.quality_report import CLEARED, CONFIRMED, Quality, Share, quality, share
from moderation.review.recent import Recent

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
    counted_at: datetime
    """When the open accounts were counted, at most a minute ago."""


def steering(engine: Engine, actor: Actor, now: datetime, threshold: float, sla_hours: int, recent: Recent) -> Steering:
    """Return the figures; *threshold* is the present one of the risk model. Raises ConnectionLost."""
    measured = quality(engine, actor, now, recent)
    with at_edge(engine), one_view(engine) as connection:
        queue = recent.get("queue", now, lambda: _queue(connection, now, threshold, sla_hours))
        came = recent.get("came", now, lambda: _came(connection, now))
        return Steering(
            thresholds=_thresholds(queue, measured),
            groups=_groups(connection),
            days=_days(connection, now, came),
            open_accounts=queue.accounts,
            late=queue.late,
            sla_hours=sla_hours,
            in_time=_in_time(connection, now, sla_hours),
            oldest=queue.oldest,
            counted_at=queue.at,
        )


class _Queue(NamedTuple):
    """The open accounts: how many, how many are late, since when the oldest waits, and how many thresholds leave."""

    at: datetime
    accounts: int
    late: int
    oldest: datetime | None
    thresholds: tuple[tuple[float, int], ...]


def _queue(connection: Connection, now: datetime, present: float, sla_hours: int) -> _Queue:
    """Count the open accounts; what is below the present threshold was never flagged."""
    chosen = [1.0 - (1.0 - present) * part for part in PARTS]
    late = IN_REVIEW.c.waiting_since < now - timedelta(hours=sla_hours)
    counts = [func.count(case((found, 1))) for found in (late, *(IN_REVIEW.c.risk > one for one in chosen))]
    query = select(func.count(), func.min(IN_REVIEW.c.waiting_since), *counts).where(IN_REVIEW.c.open_flags > 0)
    accounts, oldest, overdue, *left = connection.execute(query).one()
    return _Queue(now, accounts, overdue, oldest, tuple(zip(chosen, left, strict=True)))


def _thresholds(queue: _Queue, measured: Quality) -> tuple[AtThreshold, ...]:
    """Return the queue at the present threshold and higher ones."""
    return tuple(
        AtThreshold(
            threshold=one,
            accounts=accounts,
            hours=None if measured.median_s is None else accounts * measured.median_s / 3_600,
        )
        for one, accounts in queue.thresholds
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


def _first_day(now: datetime) -> datetime:
    first = now.date() - timedelta(days=DAYS - 1)
    return datetime(first.year, first.month, first.day, tzinfo=now.tzinfo)


def _came(connection: Connection, now: datetime) -> Counter[date]:
    """Return how many accounts came into review on each day."""
    day = _day_of(connection, IN_REVIEW.c.opened_at)
    return _by_day(connection, select(day, func.count()).where(IN_REVIEW.c.opened_at >= _first_day(now)).group_by(day))


def _days(connection: Connection, now: datetime, came: Counter[date]) -> tuple[Day, ...]:
    day = _day_of(connection, DECISIONS.c.decided_at)
    unit = func.coalesce(FLAGS.c.account_key, FLAGS.c.post_key)
    query = select(day, func.count(unit.distinct())).join(FLAGS, FLAGS.c.id == DECISIONS.c.flag_id).group_by(day)
    query = query.where(DECISIONS.c.decided_at >= _first_day(now), DECISIONS.c.verdict != WITHDRAWN)
    decided = _by_day(connection, query)
    days = [_first_day(now).date() + timedelta(days=number) for number in range(DAYS)]
    return tuple(Day(day, came[day], decided[day]) for day in days)


def _by_day(connection: Connection, query: Any) -> Counter[date]:
    return Counter({date.fromisoformat(str(at)): count for at, count in connection.execute(query)})


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
