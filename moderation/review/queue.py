"""The queue: accounts with open flags, by risk, then the one that has waited longest."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, combinations
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import AccountInReviewRow, AssessmentRow, DecisionRow, FlagRow, PersonRow
from connectors.reviewdb.quota import HOLDER
from connectors.reviewdb.review_models import FirstVerdictRow, SkipRow
from connectors.reviewdb.rows import ordered_families
from connectors.reviewdb.statements import table_of
from moderation.review.permissions import Actor
from moderation.review.pseudonyms import shown_name
from moderation.review.refusals import InvalidValue
from moderation.risk.gate import FAMILIES

IN_REVIEW, SKIPS = table_of(AccountInReviewRow), table_of(SkipRow)
VIEWS = ("open", "escalated", "held", "mine", "skipped", "appeals")
COUNTED = 1_000
"""Largest number that is counted; more is shown as "1000+", because a count of all would take too long."""
MAX_LIMIT = 200


@dataclass(frozen=True)
class QueueFilter:
    """A filter of the queue. Raises InvalidValue for values that cannot match.

    `view`: "open" is what waits for a decision of the person, "escalated" what waits for a senior, "held" what a
    person put off, "mine" what the person has claimed or was assigned,
    "skipped" what the person has skipped, "appeals" what has an appeal that the person may decide: not decided on
    before, not skipped and not held.
    """

    view: str = "open"
    min_risk: float | None = None
    family: str | None = None
    platform_id: str | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if self.view not in VIEWS:
            raise InvalidValue(f"view must be one of {', '.join(VIEWS)}, got {self.view!r}")
        if self.family is not None and self.family not in FAMILIES:
            raise InvalidValue(f"family must be one of {', '.join(FAMILIES)}, got {self.family!r}")
        if self.min_risk is not None and not 0 <= self.min_risk <= 1:
            raise InvalidValue(f"min_risk must be a number from 0 to 1, got {self.min_risk}")


@dataclass(frozen=True)
class QueueItem:
    """An account in the queue."""

    key: str
    platform_id: str
    account_id: str | None
    open_flags: int
    risk: float
    waiting_since: datetime | None
    families: tuple[str, ...]
    leading_reason: str | None
    claimed_by: str | None
    claimed_until: datetime | None
    held_by: str | None
    held_until: datetime | None
    held_reason: str | None
    appeal_due_at: datetime | None
    claimed_since: datetime | None = None
    followers: int | None = None
    escalated_at: datetime | None = None
    escalated_reason: str | None = None
    assigned_to: str | None = None


@dataclass(frozen=True)
class QueuePage:
    """A page of the queue; `next_cursor` continues after it and is None at the end."""

    items: tuple[QueueItem, ...]
    next_cursor: str | None


def own_view(actor: Actor) -> str:
    """Return the view with the work of a person."""
    return "appeals" if actor.role == "appeals" else "open"


def queue_page(
    engine: Engine, actor: Actor, wanted: QueueFilter, now: datetime, *, limit: int = 50, cursor: str | None = None
) -> QueuePage:
    """Return a page of the queue. Raises InvalidValue for a cursor that is not from `next_cursor`."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidValue(f"limit must be from 1 to {MAX_LIMIT}, got {limit}")
    query = _items(now).where(*conditions(wanted, actor, now)).order_by(*queue_order(wanted)).limit(limit + 1)
    if cursor is not None:
        query = query.where(_after(cursor, wanted))
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        items = [_item(row, actor) for row in connection.execute(query)]
    more = len(items) > limit
    return QueuePage(tuple(items[:limit]), _cursor_of(items[limit - 1], wanted) if more else None)


def queue_count(engine: Engine, actor: Actor, wanted: QueueFilter, now: datetime) -> int:
    """Return the number of accounts, at most COUNTED + 1."""
    some = select(IN_REVIEW.c.key).where(*conditions(wanted, actor, now)).limit(COUNTED + 1).subquery()
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        return int(connection.scalar(select(func.count()).select_from(some)) or 0)


def conditions(wanted: QueueFilter, actor: Actor, now: datetime) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter for one person at a time."""
    held = func.coalesce(IN_REVIEW.c.held_until > now, False)
    free = or_(IN_REVIEW.c.held_until.is_(None), IN_REVIEW.c.held_until <= now)
    skipped = select(SKIPS.c.account_key).where(SKIPS.c.account_key == IN_REVIEW.c.key, SKIPS.c.person_id == actor.id)
    opened = IN_REVIEW.c.open_flags > 0
    waits = or_(opened, IN_REVIEW.c.appeal_due_at.is_not(None))
    if wanted.view == "mine":
        claimed = and_(IN_REVIEW.c.claimed_by == actor.id, IN_REVIEW.c.claimed_until > now)
        found = [waits, or_(claimed, IN_REVIEW.c.assigned_to == actor.id)]
    elif wanted.view == "appeals":
        found = [IN_REVIEW.c.appeal_due_at.is_not(None), ~_decided_by(actor).exists(), free, ~skipped.exists()]
    elif wanted.view == "open":
        assigned = or_(IN_REVIEW.c.assigned_to.is_(None), IN_REVIEW.c.assigned_to == actor.id)
        new = (~skipped.exists(), ~_first_verdict(actor).exists())
        found = [opened, free, IN_REVIEW.c.escalated_at.is_(None), assigned, *new]
    elif wanted.view == "escalated":
        found = [opened, free, IN_REVIEW.c.escalated_at.is_not(None)]
    else:
        found = [waits, held if wanted.view == "held" else skipped.exists()]
    if wanted.min_risk is not None:
        found.append(IN_REVIEW.c.risk >= wanted.min_risk)
    if wanted.family is not None:
        found.append(IN_REVIEW.c.families.in_(_sets_with(wanted.family)))
    if wanted.platform_id is not None:
        found.append(IN_REVIEW.c.platform_id == wanted.platform_id)
    return found


def _first_verdict(actor: Actor) -> Select[Any]:
    first = table_of(FirstVerdictRow)
    return select(first.c.account_key).where(first.c.account_key == IN_REVIEW.c.key, first.c.person_id == actor.id)


def _sets_with(family: str) -> list[list[str]]:
    """Return every set of families with this one, as they are stored: an index finds these, but no part of a text."""
    sets = chain.from_iterable(combinations(FAMILIES, size) for size in range(1, len(FAMILIES) + 1))
    return [ordered_families(names) for names in sets if family in names]


def _decided_by(actor: Actor) -> Select[Any]:
    flags, decisions = table_of(FlagRow), table_of(DecisionRow)
    query = select(decisions.c.id).join(flags, flags.c.id == decisions.c.flag_id)
    own = or_(flags.c.account_key == IN_REVIEW.c.key, flags.c.post_key == IN_REVIEW.c.key)
    return query.where(own, decisions.c.who == actor.name)


def queue_order(wanted: QueueFilter) -> tuple[ColumnElement[Any], ...]:
    """Return the order of the queue; the key makes it total. Appeals are ordered by the time when they are due."""
    if wanted.view == "appeals":
        return IN_REVIEW.c.appeal_due_at, IN_REVIEW.c.key
    return IN_REVIEW.c.risk.desc(), _since(wanted), IN_REVIEW.c.key


def _since(wanted: QueueFilter) -> ColumnElement[Any]:
    """Return the time in the order of the queue; some views also have accounts with an appeal and no open flag."""
    waiting = IN_REVIEW.c.waiting_since
    return waiting if wanted.view in ("open", "escalated") else func.coalesce(waiting, IN_REVIEW.c.appeal_due_at)


def _items(now: datetime) -> Select[Any]:
    claimer, holder, assignee = aliased(PersonRow), aliased(PersonRow), aliased(PersonRow)
    live = and_(claimer.id == IN_REVIEW.c.claimed_by, IN_REVIEW.c.claimed_until > now)
    held = and_(holder.id == IN_REVIEW.c.held_by, IN_REVIEW.c.held_until > now)
    query = select(
        IN_REVIEW,
        claimer.name.label("claimer"),
        holder.name.label("holder"),
        func.coalesce(IN_REVIEW.c.held_until > now, False).label("held"),
        assignee.name.label("assignee"),
        AssessmentRow.reasons,
    )
    query = query.outerjoin(claimer, live).outerjoin(holder, held)
    query = query.outerjoin(assignee, assignee.id == IN_REVIEW.c.assigned_to)
    return query.outerjoin(AssessmentRow, AssessmentRow.key == IN_REVIEW.c.top_assessment)


def _item(row: Any, actor: Actor) -> QueueItem:
    heaviest = max(row.reasons or (), key=lambda reason: float(reason["contribution"]), default=None)
    return QueueItem(
        key=row.key,
        platform_id=row.platform_id,
        account_id=row.account_id,
        open_flags=row.open_flags,
        risk=row.risk,
        waiting_since=row.waiting_since,
        families=tuple(row.families),
        leading_reason=None if heaviest is None else str(heaviest["sentence"]),
        claimed_by=shown_name(actor, row.claimed_by, row.claimer) if row.claimer else None,
        claimed_until=row.claimed_until if row.claimer else None,
        held_by=_holder(row, actor),
        held_until=row.held_until if row.held else None,
        held_reason=row.held_reason if row.held else None,
        appeal_due_at=row.appeal_due_at,
        claimed_since=row.claimed_since if row.claimer else None,
        followers=row.followers,
        escalated_at=row.escalated_at,
        escalated_reason=row.escalated_reason,
        assigned_to=shown_name(actor, row.assigned_to, row.assignee) if row.assignee else None,
    )


def _holder(row: Any, actor: Actor) -> str | None:
    if not row.held:
        return None
    return shown_name(actor, row.held_by, row.holder) if row.holder else HOLDER


def _cursor_of(item: QueueItem, wanted: QueueFilter) -> str:
    time = item.appeal_due_at if wanted.view == "appeals" else item.waiting_since or item.appeal_due_at
    place = json.dumps([item.risk, None if time is None else time.isoformat(), item.key])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _after(cursor: str, wanted: QueueFilter) -> ColumnElement[bool]:
    """Return the condition for what comes after the cursor; its first part lets the index start there."""
    try:
        decoded = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        risk, since, key = float(decoded[0]), datetime.fromisoformat(decoded[1]), str(decoded[2])
        since.astimezone(UTC)  # raises OverflowError near the first and the last year
        if since.tzinfo is None or len(decoded) != 3 or not 0 <= risk <= 1 or not key.isalnum() or not key.isascii():
            raise ValueError
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        raise InvalidValue(f"the cursor {cursor[:40]!r} is not one of this list; leave it out to begin again") from None
    row = IN_REVIEW.c
    if wanted.view == "appeals":
        return or_(row.appeal_due_at > since, and_(row.appeal_due_at == since, row.key > key))
    waiting = _since(wanted)
    same_time = and_(waiting == since, row.key > key)
    return and_(row.risk <= risk, or_(row.risk < risk, waiting > since, same_time))
