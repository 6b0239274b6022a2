"""Decisions about an account: one covers all its open flags, and the person who made it can withdraw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, select, update

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.in_review import close_appeal, flags_of, refresh
from connectors.reviewdb.models import AccountInReviewRow, DecisionRow, FlagRow
from connectors.reviewdb.statements import table_of
from moderation.review.claims import locked_account, require_free, require_not_held
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
from moderation.review.permissions import Actor
from moderation.review.refusals import InvalidValue

FLAGS, DECISIONS, IN_REVIEW = table_of(FlagRow), table_of(DecisionRow), table_of(AccountInReviewRow)
WITHDRAW_WITHIN = timedelta(hours=1)
MAX_STATE_CHARS = 40


class StaleAccount(StaleDecision):
    """The account changed since it was shown; `changes` lists how, `state` is the new state. Nothing was written."""

    def __init__(self, message: str, changes: Sequence[str], state: str) -> None:
        super().__init__(message)
        self.changes = tuple(changes)
        self.state = state


@dataclass(frozen=True)
class AccountDecision:
    """A proposed decision. `state` is the state of the account that the person saw (`account_state`).

    A decision that is sent again with the same `request_id` is recorded once.
    """

    key: str
    state: str
    verdict: str
    ground: str
    request_id: str | None = None


@dataclass(frozen=True)
class DecidedAccount:
    """What a decision or a withdrawal changed."""

    key: str
    verdict: str
    flags: int
    state: str


def account_state(connection: Connection, key: str) -> str:
    """Return the state of an account: its newest flag and how many decisions there are. It changes with either."""
    newest, decisions = connection.execute(
        select(func.max(FLAGS.c.id), func.sum(FLAGS.c.version)).where(flags_of(key))
    ).one()
    return f"{newest or 0}.{decisions or 0}"


def decide_account(engine: Engine, actor: Actor, proposed: AccountDecision, now: datetime) -> DecidedAccount:
    """Decide about all open flags of an account; where none is open, correct the last decision about its flags.

    A decision on appeal is about the decided flags, and closes the appeal.

    Everything is written in one transaction, or nothing. Raises UnknownAccount, ClaimedByOther, StaleAccount,
    DecisionRefused, NotPermitted, InvalidValue and ConnectionLost.
    """
    with at_edge(engine), engine.begin() as connection:
        row = locked_account(connection, proposed.key)
        request = [proposed.key, proposed.state, proposed.verdict, proposed.ground]
        if proposed.request_id is not None:
            earlier = remembered(connection, actor.id, proposed.request_id, request, now)
            if earlier is not None:
                return DecidedAccount(**earlier)
        require_state(connection, proposed.key, proposed.state)
        require_free(connection, row, actor, now)
        require_not_held(row, actor, now)
        decisions = [
            ProposedDecision(flag.id, actor.name, actor.role, proposed.verdict, proposed.ground, flag.version)
            for flag in _locked_flags(connection, proposed.key, _to_decide(connection, row, actor))
        ]
        history = histories(connection, [one.flag_id for one in decisions])
        for one in decisions:
            require_allowed(one, history[one.flag_id])
        if not decisions:
            raise DecisionRefused("there is no decision about this account, so there is nothing to appeal")
        record(connection, decisions, history, now)
        if actor.role == "appeals":
            close_appeal(connection, proposed.key, proposed.verdict, now)
        ended = {"claimed_by": None, "claimed_until": None, "held_by": None, "held_until": None, "held_reason": None}
        connection.execute(update(IN_REVIEW).where(IN_REVIEW.c.key == proposed.key).values(ended))
        decided = _finish(connection, actor, "decided", decisions, now, proposed.key)
        if proposed.request_id is not None:
            remember(connection, actor.id, proposed.request_id, request, asdict(decided), now)
    return decided


def withdraw(engine: Engine, actor: Actor, key: str, ground: str, now: datetime) -> DecidedAccount:
    """Withdraw the own last decision about an account, at most an hour after it: its flags are open again.

    Raises UnknownAccount, DecisionRefused where the last decision is another person's, older, withdrawn or appealed.
    """
    with at_edge(engine), engine.begin() as connection:
        row = locked_account(connection, key)
        last = _last_decision(connection, key)
        if last is None or last.verdict == WITHDRAWN:
            raise DecisionRefused("there is no decision about this account to withdraw")
        if last.who != actor.name:
            raise DecisionRefused(f"the last decision is {last.who}'s; only the person who made it can withdraw it")
        if last.role == "appeals":
            raise DecisionRefused("a decision on appeal is not withdrawn; another person decides on a further appeal")
        if row.appeal_due_at is not None:
            raise DecisionRefused("the author has appealed against this decision; another person decides on the appeal")
        if last.decided_at < now - WITHDRAW_WITHIN:
            raise DecisionRefused("the decision is older than an hour; decide again instead, with the reason")
        flags = _locked_flags(connection, key, FLAGS.c.id.in_(_flags_with(last)))
        decisions = [NewDecision(row.id, actor.name, last.role, WITHDRAWN, ground, row.version) for row in flags]
        record(connection, decisions, histories(connection, [row.id for row in flags]), now)
        return _finish(connection, actor, "decision_withdrawn", decisions, now, key)


def require_state(connection: Connection, key: str, state: str) -> None:
    """Raise StaleAccount where the account has another state now, with what changed since."""
    now = account_state(connection, key)
    if state == now:
        return
    try:
        newest, decided = (int(part) for part in state[:MAX_STATE_CHARS].split("."))
    except ValueError:
        raise InvalidValue(f"the state {state[:40]!r} is not one of an account; read the account again") from None
    newest = max(0, min(newest, 2**63 - 1))
    changes = _changes(connection, key, newest, int(now.split(".")[1]) - decided)
    raise StaleAccount(
        f"the account changed since you read it: {'; '.join(changes)}. Nothing was written; check the account and "
        "decide again",
        changes,
        now,
    )


def _changes(connection: Connection, key: str, newest: int, decided: int) -> list[str]:
    raised = connection.scalar(select(func.count()).where(flags_of(key), FLAGS.c.id > newest)) or 0
    found = [f"{raised} new flag{'s' if raised != 1 else ''}"] if raised else []
    if decided > 0:
        last = _last_decision(connection, key)
        if last is not None:
            found.append(f"{last.who} ({last.role}) recorded “{last.verdict}” at {last.decided_at:%H:%M} UTC")
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
