"""Accounts that are passed on: to a senior, or to a person by name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, update

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import AccountInReviewRow
from connectors.reviewdb.statements import table_of
from moderation.review.claims import (
    gave_differing_verdict,
    locked_account,
    require_free,
    require_not_held,
    require_not_passed_on,
    require_reason,
)
from moderation.review.decisions import DecisionRefused
from moderation.review.people import find_person
from moderation.review.permissions import DECIDES_OPEN, Action, Actor, NotPermitted
from moderation.review.refusals import InvalidValue

IN_REVIEW = table_of(AccountInReviewRow)
NOT_ESCALATED: dict[str, Any] = dict.fromkeys(("escalated_at", "escalated_by", "escalated_reason", "disagreed_by"))
FREE: dict[str, Any] = {"claimed_by": None, "claimed_until": None, "claimed_since": None}
ENDED = FREE | {"held_by": None, "held_until": None, "held_reason": None}
"""Values of an account that no person works on."""


def escalate(engine: Engine, actor: Actor, key: str, reason: str, now: datetime) -> None:
    """Ask a senior to decide; the account leaves the queue of reviewers.

    Raises UnknownAccount, ClaimedByOther, NotPermitted, DecisionRefused where another person decides, and InvalidValue
    where there is nothing to decide, no reason, or an escalation.
    """
    require_reason(reason)
    if actor.role == "appeals":
        raise NotPermitted("the role appeals decides on appeals; it takes a reviewer or a senior to ask a senior")
    with at_edge(engine), engine.begin() as connection:
        row = locked_account(connection, key)
        require_free(connection, row, actor, now)
        if not row.open_flags:
            raise InvalidValue("the account has no open flag, so there is nothing for a senior to decide")
        require_not_held(row, actor, now)
        require_not_passed_on(row, actor)
        if row.escalated_at is not None:
            raise InvalidValue("the account waits for a senior already; the reason of the first escalation stays")
        mark_escalated(connection, actor, key, reason, now)
        append(connection, Entry(now, actor.name, "escalated", key, {"reason": reason}))


def mark_escalated(
    connection: Connection, actor: Actor, key: str, reason: str, now: datetime, *, disagreed_by: int | None = None
) -> None:
    """Mark a locked account as waiting for a senior; *disagreed_by* gave another verdict than the actor."""
    values = ENDED | {"escalated_at": now, "escalated_by": actor.id, "escalated_reason": reason, "assigned_to": None}
    values["disagreed_by"] = disagreed_by
    connection.execute(update(IN_REVIEW).where(IN_REVIEW.c.key == key).values(values))


def assign(engine: Engine, actor: Actor, key: str, to: str, now: datetime) -> None:
    """Assign an account to a person who reviews, or return it to the queue where *to* is empty.

    This ends claim, hold and escalation. Raises UnknownAccount, NotPermitted, DecisionRefused where the actor gave one
    of two verdicts that differ, InputError for an unknown person, and InvalidValue for a person who does not review and
    where there is nothing to decide.
    """
    actor.require(Action.RELEASE)
    with at_edge(engine), engine.begin() as connection:
        # The person is locked before the account, as where a role changes: otherwise each could wait for the other.
        person = find_person(connection, to) if to.strip() else None
        row = locked_account(connection, key)
        if gave_differing_verdict(row, actor):
            raise DecisionRefused(
                "you gave one of the two verdicts about this account that differ; another senior decides, or assigns it"
            )
        if person is not None and person.role not in DECIDES_OPEN:
            raise InvalidValue(f"{person.name} has the role {person.role}; assign to a reviewer or a senior")
        if person is not None and not row.open_flags:
            raise InvalidValue("the account has no open flag, so there is nothing to decide for another person")
        values = ENDED | NOT_ESCALATED | {"assigned_to": None if person is None else person.id}
        connection.execute(update(IN_REVIEW).where(IN_REVIEW.c.key == key).values(values))
        name = None if person is None else person.name
        append(connection, Entry(now, actor.name, "assigned", key, {"to": name}))
