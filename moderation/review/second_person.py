"""Two people decide about an account that many follow: the first verdict is held until another person agrees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.models import AccountInReviewRow, PersonRow
from connectors.reviewdb.review_models import FirstVerdictRow
from connectors.reviewdb.statements import insert_into, table_of
from moderation.review.decisions import ProposedDecision
from moderation.review.passing_on import FREE, mark_escalated
from moderation.review.permissions import Actor

FIRST, IN_REVIEW, PEOPLE = table_of(FirstVerdictRow), table_of(AccountInReviewRow), table_of(PersonRow)


@dataclass(frozen=True)
class FirstVerdict:
    """The first of two verdicts, and the person as of now."""

    person_id: int
    who: str
    role: str
    verdict: str
    ground: str
    state: str
    seconds: float | None
    policy: str | None


def first_verdict(connection: Connection, key: str) -> FirstVerdict | None:
    """Return the first verdict about an account, None where there is none."""
    columns = [FIRST.c[name] for name in ("person_id", "verdict", "ground", "state", "seconds", "policy")]
    query = select(*columns, PEOPLE.c.name.label("who"), PEOPLE.c.role).join(PEOPLE, PEOPLE.c.id == FIRST.c.person_id)
    row = connection.execute(query.where(FIRST.c.account_key == key)).mappings().one_or_none()
    return None if row is None else FirstVerdict(**row)


def keep_first(connection: Connection, actor: Actor, key: str, proposed: FirstVerdict, now: datetime) -> None:
    """Store the first verdict in place of an earlier one, and free the account for another person."""
    values: dict[str, Any] = {
        name: getattr(proposed, name) for name in ("verdict", "ground", "state", "seconds", "policy")
    }
    values |= {"person_id": actor.id, "given_at": now}
    statement = insert_into(connection, FirstVerdictRow).values(account_key=key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=[FIRST.c.account_key], set_=values))
    connection.execute(update(IN_REVIEW).where(IN_REVIEW.c.key == key).values(FREE | {"assigned_to": None}))
    # Without verdict and ground: the second person may read the log.
    append(connection, Entry(now, actor.name, "first_verdict", key, {}))


def disagree(
    connection: Connection, actor: Actor, key: str, verdicts: tuple[FirstVerdict, ProposedDecision], now: datetime
) -> None:
    """Pass an account on to a senior, with both verdicts and grounds."""
    first, second = verdicts
    reason = f"Two people disagree. {_words(first)}: {first.ground} — {_words(second)}: {second.ground}"
    forget_first(connection, key)
    mark_escalated(connection, actor, key, reason, now, disagreed_by=first.person_id)
    details = {"first": first.verdict, "second": second.verdict, "ground": second.ground, "by": first.who}
    append(connection, Entry(now, actor.name, "disagreed", key, details))


def _words(given: FirstVerdict | ProposedDecision) -> str:
    verdict = given.verdict.replace("_", " ")
    return verdict if given.policy is None else f"{verdict} ({given.policy})"


def forget_first(connection: Connection, key: str) -> None:
    """Delete the first verdict about an account, because there is a decision or a disagreement."""
    connection.execute(delete(FIRST).where(FIRST.c.account_key == key))
