"""The undo of a decision about many accounts: for all of them, or for those that a person chooses."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge, one_view
from connectors.reviewdb.models import AccountInReviewRow
from connectors.reviewdb.review_models import BulkDecisionRow
from connectors.reviewdb.statements import table_of
from moderation.errors import InputError
from moderation.review.account_decisions import WITHDRAW_WITHIN, withdraw_locked, withdrawable
from moderation.review.bulk import DecidedMany
from moderation.review.claims import locked_account
from moderation.review.decisions import DecisionRefused
from moderation.review.permissions import Action, Actor
from moderation.review.refusals import InvalidValue

NAMED = 10
"""Accounts that an error message names."""
BULK, IN_REVIEW = table_of(BulkDecisionRow), table_of(AccountInReviewRow)


class PartlyRefused(DecisionRefused):
    """The decision about some accounts cannot be withdrawn. Nothing was written."""


@dataclass(frozen=True)
class Covered:
    """An account of a decision about many. `refused` is why the decision about it cannot be withdrawn, or None."""

    key: str
    account_id: str | None
    refused: str | None


@dataclass(frozen=True)
class Undo:
    """What an undo of a decision about many accounts can reach."""

    id: int
    verdict: str
    decided_at: datetime
    accounts: tuple[Covered, ...]


def undo_preview(engine: Engine, actor: Actor, number: int, now: datetime) -> Undo:
    """Return the accounts of an own decision, and which of them an undo reaches.

    Raises InputError for an unknown number, and DecisionRefused where no account can be reached.
    """
    actor.require(Action.DECIDE_MANY)
    with at_edge(engine), one_view(engine) as connection:
        bulk = _own(connection, actor, number, now)
        query = select(IN_REVIEW).where(IN_REVIEW.c.key.in_(bulk.account_keys)).order_by(IN_REVIEW.c.key)
        accounts = tuple(
            Covered(row.key, row.account_id, _refusal(connection, actor, row, bulk, now))
            for row in connection.execute(query)
        )
    return Undo(number, bulk.verdict, bulk.decided_at, accounts)


def withdraw_many(
    engine: Engine, actor: Actor, number: int, ground: str, now: datetime, *, only: Collection[str] | None = None
) -> DecidedMany:
    """Withdraw an own decision about many accounts, at most an hour after it: for all, or *only* for these keys.

    Raises InputError for an unknown number, InvalidValue for keys that the decision does not cover, PartlyRefused with
    the accounts where a later decision or an appeal exists, and DecisionRefused where the decision is another person's,
    older or undone before.
    """
    actor.require(Action.DECIDE_MANY)
    with at_edge(engine), engine.begin() as connection:
        bulk = _own(connection, actor, number, now, lock=True)
        keys = bulk.account_keys if only is None else sorted(set(only))
        if not keys or not set(keys) <= set(bulk.account_keys):
            raise InvalidValue(f"choose at least one account, and only accounts of the decision {number}")
        rows = {key: locked_account(connection, key) for key in keys}
        _require_all(connection, actor, rows, bulk, now)
        flags = sum(withdraw_locked(connection, actor, row, ground, now).flags for row in rows.values())
        connection.execute(update(BULK).where(BULK.c.id == number).values(withdrawn_at=now))
        append(connection, Entry(now, actor.name, "withdrawn_many", None, {"bulk": number, "accounts": len(rows)}))
    return DecidedMany(number, bulk.verdict, len(rows), flags)


def _own(connection: Connection, actor: Actor, number: int, now: datetime, *, lock: bool = False) -> Any:
    query = select(BULK).where(BULK.c.id == number)
    bulk = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if bulk is None:
        raise InputError(f"there is no decision about many accounts with the number {number}")
    if bulk.person_id != actor.id:
        raise DecisionRefused("only the person who made the decision can withdraw it")
    if bulk.decided_at < now - WITHDRAW_WITHIN:
        raise DecisionRefused("the decision is older than an hour; decide again instead")
    if bulk.withdrawn_at is not None:
        raise DecisionRefused(
            "the decision was undone before, for all its accounts or for chosen ones; the pages of accounts that were "
            "left out can still withdraw it"
        )
    return bulk


def _refusal(connection: Connection, actor: Actor, row: Any, bulk: Any, now: datetime) -> str | None:
    """Return why the decision about one account cannot be withdrawn."""
    try:
        last = withdrawable(connection, actor, row, now)
    except DecisionRefused as error:
        return str(error)
    return None if last.decided_at == bulk.decided_at else "you decided about this account again later"


def _require_all(connection: Connection, actor: Actor, rows: dict[str, Any], bulk: Any, now: datetime) -> None:
    """Raise PartlyRefused with all reasons."""
    found = ((row, _refusal(connection, actor, row, bulk, now)) for row in rows.values())
    refused = [f"the account {row.account_id or row.key[:12]!r}: {reason}" for row, reason in found if reason]
    if refused:
        more = f", and {len(refused) - NAMED} more" if len(refused) > NAMED else ""
        raise PartlyRefused(
            f"nothing was withdrawn because of {'; '.join(refused[:NAMED])}{more}. Withdraw the decision about the "
            "other accounts only"
        )
