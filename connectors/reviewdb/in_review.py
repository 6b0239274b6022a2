"""Keeps the queue columns of `accounts_in_review` equal to the open flags of each account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select, update

from connectors.reviewdb.models import AccountInReviewRow, AssessmentRow, FlagRow
from connectors.reviewdb.review_models import AppealRow
from connectors.reviewdb.rows import Row, ordered_families
from connectors.reviewdb.statements import insert_into, table_of

IN_REVIEW, FLAGS, ASSESSMENTS, APPEALS = (
    table_of(row) for row in (AccountInReviewRow, FlagRow, AssessmentRow, AppealRow)
)


def add_open_flags(connection: Connection, new: Sequence[Row]) -> None:
    """Add new open flags, one row per account in the order of the keys, which prevents deadlocks between writers."""
    if not new:
        return
    statement = insert_into(connection, AccountInReviewRow)
    added = statement.excluded
    higher = or_(IN_REVIEW.c.open_flags == 0, added.risk > IN_REVIEW.c.risk)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[IN_REVIEW.c.key],
            set_={
                "open_flags": IN_REVIEW.c.open_flags + added.open_flags,
                "risk": case((higher, added.risk), else_=IN_REVIEW.c.risk),
                "families": case((higher, added.families), else_=IN_REVIEW.c.families),
                "top_assessment": case((higher, added.top_assessment), else_=IN_REVIEW.c.top_assessment),
                "waiting_since": func.coalesce(IN_REVIEW.c.waiting_since, added.waiting_since),
                "followers": func.coalesce(added.followers, IN_REVIEW.c.followers),
            },
        ),
        list(new),
    )


def flags_of(key: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition for the flags of an account, or of a post without an account.

    *key* may be a parameter, for a statement that is built once.
    """
    return or_(FLAGS.c.account_key == key, and_(FLAGS.c.post_key == key, FLAGS.c.account_key.is_(None)))


def refresh(connection: Connection, key: str) -> None:
    """Compute the queue columns of one account again, after a decision or its withdrawal.

    An account without an open flag waits for no senior and no other person.
    """
    opened = and_(flags_of(key), FLAGS.c.status == "open")
    count, oldest = connection.execute(select(func.count(), func.min(FLAGS.c.raised_at)).where(opened)).one()
    values: dict[str, Any] = {"open_flags": count, "waiting_since": oldest}
    values |= {"risk": 0.0, "families": [], "top_assessment": None}
    if count:
        first = select(FLAGS.c.assessment_key).where(opened).order_by(*by_risk()).limit(1).scalar_subquery()
        columns = (ASSESSMENTS.c.key, ASSESSMENTS.c.risk, ASSESSMENTS.c.agreeing)
        top = connection.execute(select(*columns).where(ASSESSMENTS.c.key == first)).one()
        values |= {"risk": top.risk or 0.0, "families": ordered_families(top.agreeing), "top_assessment": top.key}
    else:
        values |= dict.fromkeys(("escalated_at", "escalated_by", "escalated_reason", "assigned_to", "disagreed_by"))
    connection.execute(update(IN_REVIEW).where(IN_REVIEW.c.key == key).values(values))


def close_appeal(connection: Connection, key: str, verdict: str, now: datetime) -> None:
    """Close the open appeal of an account with the verdict of its decision."""
    opened = and_(APPEALS.c.account_key == key, APPEALS.c.decided_at.is_(None))
    connection.execute(update(APPEALS).where(opened).values(decided_at=now, verdict=verdict))
    connection.execute(update(IN_REVIEW).where(IN_REVIEW.c.key == key).values(appeal_due_at=None))


def by_risk() -> tuple[ColumnElement[Any], ...]:
    """Return the order of flags: highest risk first; the number makes it total."""
    return func.coalesce(FLAGS.c.risk, 0.0).desc(), FLAGS.c.id
