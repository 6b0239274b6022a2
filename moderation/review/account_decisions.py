"""Decisions about an account: one covers all its open flags, and the person who made it can withdraw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Engine, String, and_, bindparam, func, select, update

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.in_review import close_appeal, flags_of, refresh
from connectors.reviewdb.models import AccountInReviewRow, DecisionRow, FlagRow
from connectors.reviewdb.statements import table_of
from moderation.review.claims import locked_account, require_free, require_not_held, require_not_passed_on
from moderation.review.decisions import (
    WITHDRAWN,
    DecisionRefused,
    NewDecision,
    ProposedDecision,
    StaleDecision,
    histories,
    record,
    require_allowed,
)
from moderation.review.idempotency import remember, remembered
from moderation.review.passing_on import ENDED
from moderation.review.permissions import Actor
from moderation.review.pseudonyms import ShownNames
from moderation.review.refusals import InvalidValue
from moderation.review.rules import ReviewRules
from moderation.review.second_person import FirstVerdict, disagree, first_verdict, forget_first, keep_first
from moderation.review.statements import Way, update_statements

FLAGS, DECISIONS, IN_REVIEW = table_of(FlagRow), table_of(DecisionRow), table_of(AccountInReviewRow)
WITHDRAW_WITHIN = timedelta(hours=1)
MAX_STATE_CHARS = 40
Outcome = Literal["decided", "first_verdict", "escalated"]
"""What a verdict led to: a decision, the first of two verdicts, or a senior because two people disagree."""
ONE_PERSON = ReviewRules()
_TOTALS = select(func.count(), func.max(FLAGS.c.id), func.sum(FLAGS.c.version)).where(
    flags_of(bindparam("key", type_=String))
)


class StaleAccount(StaleDecision):
    """The account changed since it was shown; `changes` lists how, `state` is the new state. Nothing was written."""

    def __init__(self, message: str, changes: Sequence[str], state: str) -> None:
        super().__init__(message)
        self.changes = tuple(changes)
        self.state = state


@dataclass(frozen=True)
class AccountDecision:
    """A proposed decision. `state` is the state of the account that the person saw (`account_state`).

    A decision that is sent again with the same `request_id` is recorded once; `many` is True for one about many.
    """

    key: str
    state: str
    verdict: str
    ground: str
    request_id: str | None = None
    many: bool = False
    policy: str = ""


@dataclass(frozen=True)
class DecidedAccount:
    """What a decision or a withdrawal changed."""

    key: str
    verdict: str
    flags: int
    state: str
    outcome: Outcome = "decided"


def account_state(connection: Connection, key: str) -> str:
    """Return the state of an account: its newest flag and how many decisions there are. It changes with either."""
    return account_totals(connection, key)[1]


def account_totals(connection: Connection, key: str) -> tuple[int, str]:
    """Return the number of flags of an account, and its state."""
    flags, newest, decisions = connection.execute(_TOTALS, {"key": key}).one()
    return flags, f"{newest or 0}.{decisions or 0}"


def decide_account(
    engine: Engine, actor: Actor, proposed: AccountDecision, now: datetime, rules: ReviewRules = ONE_PERSON
) -> DecidedAccount:
    """Decide about all open flags of an account; where none is open, correct the last decision about its flags.

    A decision on appeal is about the decided flags, and closes the appeal. Where the rules need two people, the first
    verdict is held until another person agrees.

    Everything is written in one transaction, or nothing. Raises UnknownAccount, ClaimedByOther, StaleAccount,
    DecisionRefused, NotPermitted, InvalidValue and ConnectionLost.
    """
    with at_edge(engine), engine.begin() as connection:
        row = locked_account(connection, proposed.key)
        request = [proposed.key, proposed.state, proposed.verdict, proposed.ground, proposed.policy]
        if proposed.request_id is not None:
            earlier = remembered(connection, actor.id, proposed.request_id, request, now)
            if earlier is not None:
                return DecidedAccount(**earlier)
        decided = decide_locked(connection, actor, row, proposed, now, rules)
        if proposed.request_id is not None:
            remember(connection, actor.id, proposed.request_id, request, asdict(decided), now)
    return decided


def decide_locked(
    connection: Connection, actor: Actor, row: Any, proposed: AccountDecision, now: datetime, rules: ReviewRules
) -> DecidedAccount:
    """Decide about an account whose row is locked, in the transaction of the caller."""
    require_state(connection, actor, proposed.key, proposed.state)
    require_free(connection, row, actor, now)
    require_not_held(row, actor, now)
    require_not_passed_on(row, actor)
    own = (_seconds_since_claim(row, actor, now), rules.policy_of(proposed.verdict, proposed.policy))
    decisions = [
        ProposedDecision(flag.id, actor.name, actor.role, proposed.verdict, proposed.ground, flag.version, *own)
        for flag in _locked_flags(connection, proposed.key, _to_decide(connection, row, actor))
    ]
    history = histories(connection, [one.flag_id for one in decisions])
    for one in decisions:
        require_allowed(one, history[one.flag_id])
    if not decisions:
        raise DecisionRefused("there is no decision about this account, so there is nothing to appeal")
    outcome = _with_second_person(connection, actor, row, decisions[0], now) if _needs_two(row, actor, rules) else None
    if outcome is not None and outcome != "decided":
        state = account_state(connection, proposed.key)
        return DecidedAccount(proposed.key, proposed.verdict, 0, state, outcome)
    if outcome == "decided":
        decisions = _record_first(connection, proposed.key, decisions, now)
        history = histories(connection, [one.flag_id for one in decisions])
    recorded = record(connection, decisions, history, now)
    way: Way = "many" if proposed.many else "one" if outcome is None else "two"
    update_statements(connection, proposed.key, recorded, rules.statements, now, way)
    if actor.role == "appeals":
        close_appeal(connection, proposed.key, proposed.verdict, now)
    connection.execute(update(IN_REVIEW).where(IN_REVIEW.c.key == proposed.key).values(ENDED))
    forget_first(connection, proposed.key)
    return _finish(connection, actor, "decided", decisions, now, proposed.key)


def _needs_two(row: Any, actor: Actor, rules: ReviewRules) -> bool:
    """Return whether a verdict needs a second person: also a correction, and what this person has escalated."""
    escalated_by_other = row.escalated_by is not None and row.escalated_by != actor.id
    return actor.role != "appeals" and not escalated_by_other and rules.needs_second_person(row.followers)


def _with_second_person(
    connection: Connection, actor: Actor, row: Any, proposed: ProposedDecision, now: datetime
) -> Outcome:
    """Hold a first verdict, or compare a second one with it, and their policies.

    A first verdict about another state does not count. Of two corrections that differ, the second one is held instead:
    the decision stands until two people agree.
    """
    state = account_state(connection, row.key)
    first = first_verdict(connection, row.key)
    new = first is None or first.state != state or first.person_id == actor.id
    differ = first is not None and (first.verdict, first.policy) != (proposed.verdict, proposed.policy)
    if first is None or new or (differ and not row.open_flags):
        own = (proposed.verdict, proposed.ground, state, proposed.seconds, proposed.policy)
        keep_first(connection, actor, row.key, FirstVerdict(actor.id, actor.name, actor.role, *own), now)
        return "first_verdict"
    if differ:
        disagree(connection, actor, row.key, (first, proposed), now)
        return "escalated"
    return "decided"


def _record_first(
    connection: Connection, key: str, second: Sequence[ProposedDecision], now: datetime
) -> list[ProposedDecision]:
    """Record the decision of the first person and return that of the second one, which follows it."""
    first = first_verdict(connection, key)
    assert first is not None  # nosec B101  # narrows a type; checked before
    measured = (first.seconds, first.policy)
    own = [
        NewDecision(one.flag_id, first.who, first.role, first.verdict, first.ground, one.version, *measured)
        for one in second
    ]
    record(connection, own, histories(connection, [one.flag_id for one in own]), now)
    return [replace(one, version=one.version + 1) for one in second]


def _seconds_since_claim(row: Any, actor: Actor, now: datetime) -> float | None:
    """Return how long the person has had the account; None where it was not claimed."""
    if row.claimed_by != actor.id or row.claimed_since is None:
        return None
    return float(max(0.0, (now - row.claimed_since).total_seconds()))


def withdraw(engine: Engine, actor: Actor, key: str, ground: str, now: datetime) -> DecidedAccount:
    """Withdraw the own last decision about an account, at most an hour after it: its flags are open again.

    Raises UnknownAccount, DecisionRefused where the last decision is another person's, older, withdrawn or appealed.
    """
    with at_edge(engine), engine.begin() as connection:
        return withdraw_locked(connection, actor, locked_account(connection, key), ground, now)


def withdraw_locked(connection: Connection, actor: Actor, row: Any, ground: str, now: datetime) -> DecidedAccount:
    """Withdraw a decision about an account whose row is locked, in the transaction of the caller."""
    key, last = row.key, withdrawable(connection, actor, row, now)
    flags = _locked_flags(connection, key, FLAGS.c.id.in_(_flags_with(last)))
    decisions = [NewDecision(row.id, actor.name, last.role, WITHDRAWN, ground, row.version) for row in flags]
    recorded = record(connection, decisions, histories(connection, [row.id for row in flags]), now)
    update_statements(connection, key, recorded, ONE_PERSON.statements, now)
    return _finish(connection, actor, "decision_withdrawn", decisions, now, key)


def withdrawable(connection: Connection, actor: Actor, row: Any, now: datetime) -> Any:
    """Return the last decision about an account. Raises DecisionRefused where the actor cannot withdraw it."""
    last = _last_decision(connection, row.key)
    if last is None or last.verdict == WITHDRAWN:
        raise DecisionRefused("there is no decision about this account to withdraw")
    if last.who != actor.name:
        raise DecisionRefused("the last decision is another person's; only the person who made it can withdraw it")
    if last.role == "appeals":
        raise DecisionRefused("a decision on appeal is not withdrawn; another person decides on a further appeal")
    if row.appeal_due_at is not None:
        raise DecisionRefused("the author has appealed against this decision; another person decides on the appeal")
    if last.decided_at < now - WITHDRAW_WITHIN:
        raise DecisionRefused("the decision is older than an hour; decide again instead, with the reason")
    return last


def require_state(connection: Connection, actor: Actor, key: str, state: str) -> None:
    """Raise StaleAccount where the account has another state now, with what changed since."""
    now = account_state(connection, key)
    if state == now:
        return
    try:
        newest, decided = (int(part) for part in state[:MAX_STATE_CHARS].split("."))
    except ValueError:
        raise InvalidValue(f"the state {state[:40]!r} is not one of an account; read the account again") from None
    newest = max(0, min(newest, 2**63 - 1))
    changes = _changes(connection, actor, key, newest, int(now.split(".")[1]) - decided)
    raise StaleAccount(
        f"the account changed since you read it: {'; '.join(changes)}. Nothing was written; check the account and "
        "decide again",
        changes,
        now,
    )


def _changes(connection: Connection, actor: Actor, key: str, newest: int, decided: int) -> list[str]:
    raised = connection.scalar(select(func.count()).where(flags_of(key), FLAGS.c.id > newest)) or 0
    found = [f"{raised} new flag{'s' if raised != 1 else ''}"] if raised else []
    if decided > 0:
        last = _last_decision(connection, key)
        if last is not None:
            who = ShownNames(connection, actor).of(last.who)
            found.append(f"{who} ({last.role}) recorded “{last.verdict}” at {last.decided_at:%H:%M} UTC")
    return found or ["it has another state"]


def _to_decide(connection: Connection, row: Any, actor: Actor) -> Any:
    """Return the condition of the flags that a decision is about. Raises DecisionRefused where no appeal is open."""
    if actor.role == "appeals":
        if row.appeal_due_at is None:
            raise DecisionRefused("no appeal of this account is open, so there is nothing to decide on appeal")
        return FLAGS.c.status != "open"
    if row.open_flags:
        return FLAGS.c.status == "open"
    last = _last_decision(connection, row.key)
    if last is None:
        raise DecisionRefused("this account has no flag to decide about")
    return and_(FLAGS.c.status != "open", FLAGS.c.id.in_(_flags_with(last)))


def _last_decision(connection: Connection, key: str) -> Any:
    query = select(DECISIONS).join(FLAGS, FLAGS.c.id == DECISIONS.c.flag_id).where(flags_of(key))
    return connection.execute(query.order_by(DECISIONS.c.id.desc()).limit(1)).one_or_none()


def _flags_with(decision: Any) -> Any:
    """Return the query of the flags that a person decided about at once."""
    same = (DECISIONS.c.decided_at == decision.decided_at) & (DECISIONS.c.who == decision.who)
    return select(DECISIONS.c.flag_id).where(same)


def _locked_flags(connection: Connection, key: str, condition: Any) -> Sequence[Any]:
    query = select(FLAGS.c.id, FLAGS.c.version).where(flags_of(key), condition).order_by(FLAGS.c.id)
    return connection.execute(query.with_for_update()).all()


def _finish(
    connection: Connection, actor: Actor, action: str, written: Sequence[NewDecision], now: datetime, key: str
) -> DecidedAccount:
    """Bring the queue up to date and write the audit log."""
    verdict, ground = written[0].verdict, written[0].ground
    refresh(connection, key)
    flags = [one.flag_id for one in written]
    append(connection, Entry(now, actor.name, action, key, {"flags": flags, "verdict": verdict, "ground": ground}))
    return DecidedAccount(key, verdict, len(written), account_state(connection, key))
