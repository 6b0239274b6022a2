"""Decisions about many accounts at once: a preview of who is hit, and one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge, one_view
from connectors.reviewdb.models import AccountInReviewRow
from connectors.reviewdb.review_models import BulkDecisionRow
from connectors.reviewdb.statements import table_of
from moderation.errors import ModerationError
from moderation.review.account_decisions import (
    AccountDecision,
    StaleAccount,
    account_state,
    decide_locked,
)
from moderation.review.account_flags import compared_texts
from moderation.review.claims import locked_account, require_free, require_not_held
from moderation.review.decisions import DecisionRefused
from moderation.review.idempotency import remember, remembered
from moderation.review.linked import linked_accounts, verdicts_of
from moderation.review.permissions import Action, Actor
from moderation.review.refusals import InvalidValue
from moderation.review.rules import ReviewRules

BULK, IN_REVIEW = table_of(BulkDecisionRow), table_of(AccountInReviewRow)


@dataclass(frozen=True)
class Hit:
    """An account that a decision would hit. `refused` is why it cannot be covered, None where it can.

    `cleared` is True where a person once decided that a post of the account is not a violation.
    """

    key: str
    account_id: str | None
    state: str
    open_flags: int
    risk: float
    followers: int | None
    cleared: bool
    refused: str | None


@dataclass(frozen=True)
class Member:
    """An account of a decision about many, with the state that the person saw."""

    key: str
    state: str


@dataclass(frozen=True)
class BulkDecision:
    """A proposed decision about many accounts."""

    members: tuple[Member, ...]
    verdict: str
    ground: str
    request_id: str
    policy: str = ""


@dataclass(frozen=True)
class DecidedMany:
    """What a decision about many accounts changed; `id` withdraws it."""

    id: int
    verdict: str
    accounts: int
    flags: int


def cluster_of(engine: Engine, key: str, *, by_text: bool = False) -> list[str]:
    """Return an account and those linked with it, with open flags; with *by_text* only those that share a text."""
    with at_edge(engine), one_view(engine) as connection:
        found = linked_accounts(connection, key, compared_texts(connection, key)).accounts
        return [key, *(one.key for one in found if one.open_flags and (one.by_text or not by_text))]


def preview(engine: Engine, actor: Actor, keys: Sequence[str], now: datetime, rules: ReviewRules) -> tuple[Hit, ...]:
    """Return who a decision about these accounts hits, highest risk first. Raises InvalidValue and NotPermitted."""
    actor.require(Action.DECIDE_MANY)
    _require_size(len(keys), rules)
    with at_edge(engine), one_view(engine) as connection:
        verdicts = verdicts_of(connection, keys)
        query = select(IN_REVIEW).where(IN_REVIEW.c.key.in_(keys)).order_by(IN_REVIEW.c.risk.desc(), IN_REVIEW.c.key)
        return tuple(
            Hit(
                key=row.key,
                account_id=row.account_id,
                state=account_state(connection, row.key),
                open_flags=row.open_flags,
                risk=row.risk,
                followers=row.followers,
                cleared="not_a_violation" in verdicts.get(row.key, ()),
                refused=_refusal(connection, row, actor, now, rules),
            )
            for row in connection.execute(query)
        )


def decide_many(engine: Engine, actor: Actor, proposed: BulkDecision, now: datetime, rules: ReviewRules) -> DecidedMany:
    """Decide about all open flags of several accounts, or about none.

    Raises StaleAccount with every account that changed, and what a decision about one account raises.
    """
    actor.require(Action.DECIDE_MANY)
    members = {member.key: member.state for member in proposed.members}
    _require_size(len(members), rules)
    request = ["bulk", sorted(members.items()), proposed.verdict, proposed.ground, proposed.policy]
    with at_edge(engine), engine.begin() as connection:
        # All accounts are locked before the audit log is, in one order, so that two such decisions never wait for each
        # other.
        rows = {key: locked_account(connection, key) for key in sorted(members)}
        earlier = remembered(connection, actor.id, proposed.request_id, request, now)
        if earlier is not None:
            return DecidedMany(**earlier)
        _require_all(connection, actor, members, rows, now, rules)
        values = {"person_id": actor.id, "verdict": proposed.verdict, "account_keys": sorted(members)}
        number = connection.execute(insert(BULK).values(**values, decided_at=now).returning(BULK.c.id)).scalar_one()
        flags = 0
        for key, row in rows.items():
            one = AccountDecision(
                key, members[key], proposed.verdict, proposed.ground, many=True, policy=proposed.policy
            )
            flags += decide_locked(connection, actor, row, one, now, rules).flags
        details = {"bulk": number, "accounts": len(rows), "verdict": proposed.verdict}
        append(connection, Entry(now, actor.name, "decided_many", None, details))
        decided = DecidedMany(number, proposed.verdict, len(rows), flags)
        remember(connection, actor.id, proposed.request_id, request, asdict(decided), now)
    return decided


def _require_size(number: int, rules: ReviewRules) -> None:
    if not 1 <= number <= rules.bulk_limit:
        raise InvalidValue(
            f"a decision about many accounts covers 1 to {rules.bulk_limit} accounts (console.bulk_limit), got {number}"
        )


def _require_all(
    connection: Connection,
    actor: Actor,
    members: dict[str, str],
    rows: dict[str, Any],
    now: datetime,
    rules: ReviewRules,
) -> None:
    changes = []
    for key, row in rows.items():
        refused = _refusal(connection, row, actor, now, rules)
        if refused is not None:
            raise DecisionRefused(f"the account {row.account_id or key[:12]!r} cannot be covered: {refused}")
        if account_state(connection, key) != members[key]:
            changes.append(f"the account {row.account_id or key[:12]!r} changed")
    if changes:
        message = f"{'; '.join(changes)}. Nothing was written; look at the preview again"
        raise StaleAccount(message, changes, "")


def _refusal(connection: Connection, row: Any, actor: Actor, now: datetime, rules: ReviewRules) -> str | None:
    """Return why an account cannot be part of a decision about many."""
    if not row.open_flags:
        return "it has no open flag"
    if rules.needs_second_person(row.followers):
        return "two people decide about it, because many follow it"
    if row.appeal_due_at is not None:
        return "an appeal is open"
    try:
        require_free(connection, row, actor, now)
        require_not_held(row, actor, now)
    except ModerationError as error:
        return str(error)
    return None
