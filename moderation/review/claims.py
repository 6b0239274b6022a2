"""Who works on which account: claims that expire, skips, holds, and who has a page open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, String, and_, bindparam, or_, select, update

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import AccountInReviewRow, PersonRow
from connectors.reviewdb.quota import HOLDER
from connectors.reviewdb.review_models import FirstVerdictRow, SkipRow, VisitRow
from connectors.reviewdb.statements import insert_into, table_of
from moderation.errors import InputError, ModerationError
from moderation.review.decisions import DecisionRefused
from moderation.review.permissions import Action, Actor, NotPermitted
from moderation.review.pseudonyms import name_of, shown_name
from moderation.review.queue import QueueFilter, conditions, queue_order
from moderation.review.refusals import InvalidValue

IN_REVIEW, SKIPS, VISITS, PEOPLE, FIRST = (
    table_of(row) for row in (AccountInReviewRow, SkipRow, VisitRow, PersonRow, FirstVerdictRow)
)
CLAIM_LASTS = timedelta(minutes=10)
PRESENT = timedelta(seconds=60)
"""A person who has a page open renews the visit every 20 seconds."""
MAX_REASON_CHARS = 1_000
HOLD_HOURS = (1, 4, 24, 72)


class UnknownAccount(InputError):
    """There is no account in review with this key."""


class ClaimedByOther(ModerationError):
    """Another person works on the account; nothing was changed."""

    exit_code = 8


@dataclass(frozen=True)
class Claimed:
    """The claim of an account: who has it and until when."""

    by: str
    until: datetime
    own: bool


def claim(engine: Engine, actor: Actor, key: str, now: datetime) -> Claimed:
    """Claim an account for ten minutes, or renew the claim.

    The row is locked, so that of two people who open an account at once one gets it. Raises UnknownAccount,
    ClaimedByOther, and InvalidValue for an account that is not in the queue of the person.
    """
    with at_edge(engine), engine.begin() as connection:
        row = locked_account(connection, key)
        require_free(connection, row, actor, now)
        if not _waits(connection, row, actor, now):
            raise InvalidValue("the account does not wait for a decision of yours; claim an account of your queue")
        return _claim(connection, row, actor, now)


def open_account(engine: Engine, actor: Actor, key: str, now: datetime, *, only_renew: bool = False) -> list[str]:
    """Record that a person has the page open, and claim the account where it waits for a decision and is free.

    With *only_renew*, a claim of the person is renewed, and no other account is claimed. Return the names of others who
    have the page open. Raises UnknownAccount.
    """
    with at_edge(engine), engine.begin() as connection:
        row = locked_account(connection, key)
        others = _visit(connection, actor, key, now)
        free = row.claimed_by == actor.id or (
            not only_renew
            and (row.claimed_by is None or row.claimed_until <= now)
            and not _skipped(connection, row, actor)
        )
        if actor.may(Action.REVIEW) and free and _waits(connection, row, actor, now):
            _claim(connection, row, actor, now)
    return others


def claim_next(engine: Engine, actor: Actor, wanted: QueueFilter, now: datetime, *, after: str = "") -> str | None:
    """Claim the first account of the queue that no other person has, and return its key; None at the end.

    The role appeals takes appeals, and no other role does. The views escalated and held take the action RELEASE.

    An account that another transaction has locked or that the person has skipped is passed over. *after* is the key of
    an account to pass over, such as the one that was just decided.
    """
    if (wanted.view == "appeals") != (actor.role == "appeals"):
        raise InvalidValue("the role appeals takes accounts of the view appeals, and other roles those of other views")
    if wanted.view in ("escalated", "held"):
        actor.require(Action.RELEASE)
    row = IN_REVIEW.c
    free = or_(row.claimed_by.is_(None), row.claimed_until <= now, row.claimed_by == actor.id)
    others = or_(row.disagreed_by.is_(None), and_(row.disagreed_by != actor.id, row.escalated_by != actor.id))
    query = select(IN_REVIEW).where(*conditions(wanted, actor, now), free, others, row.key != after)
    if wanted.view != "appeals":  # the views held and skipped also list accounts that have only an appeal
        query = query.where(row.open_flags > 0)
    if wanted.view != "skipped":
        skipped = select(SKIPS.c.account_key).where(SKIPS.c.account_key == row.key, SKIPS.c.person_id == actor.id)
        query = query.where(~skipped.exists())
    with at_edge(engine), engine.begin() as connection:
        found = connection.execute(query.order_by(*queue_order(wanted)).limit(1).with_for_update(skip_locked=True))
        first = found.one_or_none()
        if first is None:
            return None
        _claim(connection, first, actor, now)
    return str(first.key)


def release(engine: Engine, actor: Actor, key: str, now: datetime) -> None:
    """End a claim; that of another person takes the action RELEASE. Raises UnknownAccount and NotPermitted."""
    with at_edge(engine), engine.begin() as connection:
        row = locked_account(connection, key)
        if row.claimed_by is None:
            return
        if row.claimed_by != actor.id and row.claimed_until > now:
            actor.require(Action.RELEASE)
            append(connection, Entry(now, actor.name, "claim_released", key, {"of": _name(connection, row.claimed_by)}))
        _update(connection, key, claimed_by=None, claimed_until=None)


def skip(engine: Engine, actor: Actor, key: str, reason: str, now: datetime) -> None:
    """Take an account out of the queue of one person for good. Raises UnknownAccount and InvalidValue."""
    require_reason(reason)
    with at_edge(engine), engine.begin() as connection:
        row = locked_account(connection, key)
        values = {"reason": reason, "skipped_at": now}
        statement = insert_into(connection, SkipRow).values(account_key=key, person_id=actor.id, **values)
        keys = [SKIPS.c.account_key, SKIPS.c.person_id]
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values))
        if row.claimed_by == actor.id:
            _update(connection, key, claimed_by=None, claimed_until=None)
        append(connection, Entry(now, actor.name, "skipped", key, {"reason": reason}))


@dataclass(frozen=True)
class Hold:
    """A hold: how long the account leaves the queue, and why. Raises InvalidValue."""

    hours: int
    reason: str

    def __post_init__(self) -> None:
        """Check the values."""
        if self.hours not in HOLD_HOURS:
            raise InvalidValue(f"hours must be one of {', '.join(map(str, HOLD_HOURS))}, got {self.hours}")
        require_reason(self.reason)


def hold(engine: Engine, actor: Actor, key: str, wanted: Hold, now: datetime) -> datetime:
    """Take an account out of the queue for some hours, and return the end.

    Raises UnknownAccount, ClaimedByOther, NotPermitted, and DecisionRefused where another person decides.
    """
    until = now + timedelta(hours=wanted.hours)
    with at_edge(engine), engine.begin() as connection:
        row = locked_account(connection, key)
        require_free(connection, row, actor, now)
        require_not_held(row, actor, now)
        require_not_passed_on(row, actor)
        if not (row.appeal_due_at if actor.role == "appeals" else row.open_flags):
            raise InvalidValue("the account does not wait for a decision of yours, so it needs no hold")
        values = {"held_by": actor.id, "held_until": until, "held_reason": wanted.reason}
        _update(connection, key, **values, claimed_by=None, claimed_until=None)
        details = {"until": until.isoformat(), "reason": wanted.reason}
        append(connection, Entry(now, actor.name, "held", key, details))
    return until


def end_hold(engine: Engine, actor: Actor, key: str, now: datetime) -> None:
    """Return a held account to the queue; the hold of another person takes the action RELEASE."""
    with at_edge(engine), engine.begin() as connection:
        row = locked_account(connection, key)
        if row.held_until is None or row.held_until <= now:
            return
        if row.held_by != actor.id:
            actor.require(Action.RELEASE)
        _update(connection, key, held_by=None, held_until=None, held_reason=None)
        append(
            connection,
            Entry(
                now,
                actor.name,
                "hold_ended",
                key,
                {"of": HOLDER if row.held_by is None else _name(connection, row.held_by)},
            ),
        )


def visit(engine: Engine, actor: Actor, key: str, now: datetime) -> list[str]:
    """Record that a person has the page open, and return the names of others who have. Raises UnknownAccount."""
    with at_edge(engine), engine.begin() as connection:
        if connection.scalar(select(IN_REVIEW.c.key).where(IN_REVIEW.c.key == key)) is None:
            raise unknown_account(key)
        return _visit(connection, actor, key, now)


def claim_of(engine: Engine, actor: Actor, key: str, now: datetime) -> Claimed | None:
    """Return the claim of an account, None where it is free. Raises UnknownAccount."""
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        row = connection.execute(select(IN_REVIEW).where(IN_REVIEW.c.key == key)).one_or_none()
        if row is None:
            raise unknown_account(key)
        if row.claimed_by is None or row.claimed_until <= now:
            return None
        by = name_of(connection, actor, row.claimed_by)
        return Claimed(by, row.claimed_until, own=row.claimed_by == actor.id)


def locked_account(connection: Connection, key: str) -> Any:
    """Return the row of an account, locked until the transaction ends. Raises UnknownAccount."""
    row = connection.execute(select(IN_REVIEW).where(IN_REVIEW.c.key == key).with_for_update()).one_or_none()
    if row is None:
        raise unknown_account(key)
    return row


def require_free(connection: Connection, row: Any, actor: Actor, now: datetime) -> None:
    """Raise ClaimedByOther while another person has a claim that has not expired."""
    if row.claimed_by is not None and row.claimed_by != actor.id and row.claimed_until > now:
        by = name_of(connection, actor, row.claimed_by)
        raise ClaimedByOther(
            f"{by} has claimed this account until {row.claimed_until:%H:%M} UTC; take the next one, or ask a senior to "
            "end the claim"
        )


def require_not_held(row: Any, actor: Actor, now: datetime) -> None:
    """Raise NotPermitted while another person or the quota holds the account, unless the actor may end that hold."""
    if row.held_by != actor.id and _held(row, now) and not actor.may(Action.RELEASE):
        raise NotPermitted(
            f"the account is on hold until {row.held_until:%Y-%m-%d %H:%M} UTC; take the next one, or ask a senior to "
            "end the hold"
        )


def require_not_passed_on(row: Any, actor: Actor) -> None:
    """Raise DecisionRefused where a senior or another person decides about an account.

    A senior who gave one of two verdicts that differ does not decide which one holds.
    """
    if actor.role == "appeals":
        return
    if gave_differing_verdict(row, actor):
        raise DecisionRefused(
            "you gave one of the two verdicts about this account that differ; another senior decides, or assigns it"
        )
    if actor.may(Action.RELEASE):
        return
    if row.escalated_at is not None:
        raise DecisionRefused("a senior decides about this account, because it was escalated")
    if row.assigned_to not in (None, actor.id):
        raise DecisionRefused("this account is assigned to another person; a senior can change that")


def gave_differing_verdict(row: Any, actor: Actor) -> bool:
    """Return whether an account waits for a senior because two people disagree, and the actor is one of them."""
    return row.disagreed_by is not None and actor.id in (row.disagreed_by, row.escalated_by)


def require_reason(reason: str) -> None:
    """Raise InvalidValue for an empty or very long reason."""
    if not reason.strip() or len(reason) > MAX_REASON_CHARS:
        raise InvalidValue(f"the reason must have 1 to {MAX_REASON_CHARS} characters; write why in a few words")


def unknown_account(key: str) -> UnknownAccount:
    """Return the error for an unknown key."""
    return UnknownAccount(f"there is no account in review with the key {key[:64]!r}; the queue lists the accounts")


def _held(row: Any, now: datetime) -> bool:
    return row.held_until is not None and row.held_until > now


def _skipped(connection: Connection, row: Any, actor: Actor) -> bool:
    query = select(SKIPS.c.account_key).where(SKIPS.c.account_key == row.key, SKIPS.c.person_id == actor.id)
    return connection.scalar(query) is not None


def _waits(connection: Connection, row: Any, actor: Actor, now: datetime) -> bool:
    """Return whether the account waits for a decision that the person may make."""
    if actor.role != "appeals":
        passed_on = row.escalated_at is not None or row.assigned_to not in (None, actor.id)
        passed_on_to_others = gave_differing_verdict(row, actor) or (passed_on and not actor.may(Action.RELEASE))
        waits = bool(row.open_flags) and not _held(row, now) and not passed_on_to_others
        own_first = select(FIRST.c.account_key).where(FIRST.c.account_key == row.key, FIRST.c.person_id == actor.id)
        return waits and connection.scalar(own_first) is None
    appealed = conditions(QueueFilter(view="appeals"), actor, now)
    return connection.scalar(select(IN_REVIEW.c.key).where(IN_REVIEW.c.key == row.key, *appealed)) is not None


def _visit(connection: Connection, actor: Actor, key: str, now: datetime) -> list[str]:
    statement = insert_into(connection, VisitRow).values(account_key=key, person_id=actor.id, seen_at=now)
    keys = [VISITS.c.account_key, VISITS.c.person_id]
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_={"seen_at": now}))
    others = connection.execute(_VISITORS, {"key": key, "own": actor.id, "since": now - PRESENT})
    return [shown_name(actor, row.id, row.name) for row in others]


def _claim(connection: Connection, row: Any, actor: Actor, now: datetime) -> Claimed:
    until = now + CLAIM_LASTS
    new = row.claimed_by != actor.id or row.claimed_until <= now
    _update(connection, row.key, claimed_by=actor.id, claimed_until=until, **({"claimed_since": now} if new else {}))
    if new:
        append(connection, Entry(now, actor.name, "claimed", row.key, {}))
    return Claimed(actor.name, until, own=True)


def _update(connection: Connection, key: str, **values: Any) -> None:
    connection.execute(update(IN_REVIEW).where(IN_REVIEW.c.key == key).values(values))


def _name(connection: Connection, person_id: int) -> str:
    return str(connection.scalar(select(PEOPLE.c.name).where(PEOPLE.c.id == person_id)))


_VISITORS = (
    select(PEOPLE.c.id, PEOPLE.c.name)
    .join(VISITS, VISITS.c.person_id == PEOPLE.c.id)
    .where(VISITS.c.account_key == bindparam("key", type_=String), PEOPLE.c.id != bindparam("own", type_=BigInteger))
    .where(VISITS.c.seen_at >= bindparam("since", type_=VISITS.c.seen_at.type))
    .order_by(PEOPLE.c.name)
)
