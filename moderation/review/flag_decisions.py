"""Decisions about one flag, with the name and the role that the caller states: `moderation flags decide`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.in_review import close_appeal, flags_of, refresh
from connectors.reviewdb.models import AccountInReviewRow, DecisionRow, FlagRow, PersonRow
from connectors.reviewdb.review_models import AppealRow
from connectors.reviewdb.statements import table_of
from moderation.review.claims import require_free, require_not_held, require_not_passed_on
from moderation.review.decisions import (
    DecisionRefused,
    ProposedDecision,
    StaleDecision,
    histories,
    record,
    require_allowed,
)
from moderation.review.passing_on import ENDED
from moderation.review.people import name_key
from moderation.review.permissions import Actor
from moderation.review.queries import RecordedDecision, no_flag, require_number
from moderation.review.rules import ReviewRules
from moderation.review.second_person import first_verdict, forget_first
from moderation.review.statements import update_statements

FLAGS, IN_REVIEW, PEOPLE = table_of(FlagRow), table_of(AccountInReviewRow), table_of(PersonRow)
ONE_PERSON = ReviewRules()


def decide(engine: Engine, proposed: ProposedDecision, rules: ReviewRules = ONE_PERSON) -> RecordedDecision:
    """Append a decision and update status and version of the flag, or raise without a change.

    The rows of account and flag are locked from the first read: of two people who saw the same version, one is refused.
    The rules of the console hold: an account about which two people decide is refused, because this command has no
    session that shows who the person is.

    Raises InputError (no such flag), StaleDecision (its version is another one now), DecisionRefused, ClaimedByOther,
    NotPermitted and ConnectionLost.
    """
    require_number(proposed.flag_id)
    now = datetime.now(UTC)
    with at_edge(engine), engine.begin() as connection:
        query = select(FLAGS.c.account_key, FLAGS.c.post_key).where(FLAGS.c.id == proposed.flag_id)
        flag = connection.execute(query).one_or_none()
        if flag is None:
            raise no_flag(proposed.flag_id)
        key = flag.account_key or flag.post_key
        row = connection.execute(select(IN_REVIEW).where(IN_REVIEW.c.key == key).with_for_update()).one_or_none()
        version = connection.scalar(select(FLAGS.c.version).where(FLAGS.c.id == proposed.flag_id).with_for_update())
        if version != proposed.version:
            raise _stale(proposed, version)
        (history,) = histories(connection, [proposed.flag_id]).values()
        require_allowed(proposed, history)
        if row is not None:
            _require_alone(connection, row, proposed, rules, now)
        proposed = replace(proposed, policy=rules.policy_of(proposed.verdict, proposed.policy or ""))
        recorded = record(connection, [proposed], {proposed.flag_id: history}, now)
        update_statements(connection, key, recorded, rules.statements, now)
        appeal_closed = proposed.role == "appeals" and _close_decided_appeal(connection, key, proposed.verdict, now)
        refresh(connection, key)
        if appeal_closed or (proposed.role != "appeals" and not _has_open_flags(connection, key)):
            _end_work(connection, key)
        details = {"flags": [proposed.flag_id], "verdict": proposed.verdict, "ground": proposed.ground}
        append(connection, Entry(now, proposed.who, "decided", key, details))
    return recorded[0]


def _require_alone(
    connection: Connection, row: Any, proposed: ProposedDecision, rules: ReviewRules, now: datetime
) -> None:
    """Raise unless this person may decide about the account, and alone."""
    person = connection.scalar(select(PEOPLE.c.id).where(PEOPLE.c.key == name_key(proposed.who)))
    actor = Actor(person or 0, proposed.who, proposed.role)
    require_free(connection, row, actor, now)
    require_not_held(row, actor, now)
    require_not_passed_on(row, actor)
    two = rules.needs_second_person(row.followers) or first_verdict(connection, row.key) is not None
    if two and proposed.role != "appeals":
        raise DecisionRefused("two people decide about this account, because many follow it; decide in the console")


def _has_open_flags(connection: Connection, key: str) -> bool:
    return bool(connection.scalar(select(IN_REVIEW.c.open_flags).where(IN_REVIEW.c.key == key)))


def _end_work(connection: Connection, key: str) -> None:
    """End claim and hold of an account with nothing left to decide, so that an appeal of it is offered."""
    connection.execute(update(IN_REVIEW).where(IN_REVIEW.c.key == key).values(ENDED))
    forget_first(connection, key)


def _close_decided_appeal(connection: Connection, key: str, verdict: str, now: datetime) -> bool:
    """Close the open appeal of an account when each decided flag has a decision on it, and return whether it does."""
    decisions, appeals = table_of(DecisionRow), table_of(AppealRow)
    opened = select(appeals.c.received_at).where(appeals.c.account_key == key, appeals.c.decided_at.is_(None))
    received = connection.scalar(opened.order_by(appeals.c.id).limit(1))
    if received is None:
        return False
    on_appeal = select(decisions.c.id).where(
        decisions.c.flag_id == FLAGS.c.id, decisions.c.role == "appeals", decisions.c.decided_at >= received
    )
    waiting = select(FLAGS.c.id).where(flags_of(key), FLAGS.c.status != "open", ~on_appeal.exists()).limit(1)
    if connection.scalar(waiting) is not None:
        return False
    close_appeal(connection, key, verdict, now)
    return True


def _stale(proposed: ProposedDecision, version: int | None) -> StaleDecision:
    return StaleDecision(
        f"flag {proposed.flag_id} has version {version} now, not {proposed.version}: another decision was recorded. "
        f"Check `moderation flags show {proposed.flag_id}` and repeat with the version that it prints; nothing was "
        "written."
    )
