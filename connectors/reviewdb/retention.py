"""Deletes expired evidence, and evidence of erased accounts.

All places that hold evidence are listed in `places.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete, or_, select, text, update

from connectors.reviewdb import audit_log, outbox
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.identity import account_key, stored_number
from connectors.reviewdb.models import AccountInReviewRow, ErasedAccountRow, EvidenceRow
from connectors.reviewdb.review_models import AppealRow, FollowedRow, NoteRow, SkipRow
from connectors.reviewdb.rows import Row
from connectors.reviewdb.statements import chunks, database_now, insert_into, table_of
from moderation.state.identifiers import account_number

ERASED, EVIDENCE = table_of(ErasedAccountRow), table_of(EvidenceRow)
APPEALS, IN_REVIEW, NOTES, SKIPS, FOLLOWED = (
    table_of(row) for row in (AppealRow, AccountInReviewRow, NoteRow, SkipRow, FollowedRow)
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Erased:
    """The number of assessments without their evidence and of erased dead letters."""

    assessments: int
    letters: int


def erase_account(engine: Engine, platform_id: str, account_id: str) -> Erased:
    """Delete the evidence of an account: texts, hashes, vectors and dead letters. Raises ConnectionLost.

    The account is stored as a digest with the time, so that evidence of its posts until now is not stored again.
    """
    key = account_key(platform_id, account_id)
    with at_edge(engine), engine.begin() as connection:
        _exclude_commits(connection)
        # Reviewers lock this row first: without it, words written meanwhile would stay, or the two would deadlock.
        connection.execute(select(IN_REVIEW.c.key).where(IN_REVIEW.c.key == key).with_for_update())
        now = database_now(connection)
        values = {"erased_at": now, "number": stored_number(account_number(account_id))}
        remember = insert_into(connection, ErasedAccountRow).values(key=key, **values)
        connection.execute(remember.on_conflict_do_update(index_elements=[ERASED.c.key], set_=values))
        as_neighbour = FOLLOWED.c.number == values["number"]
        connection.execute(delete(FOLLOWED).where(or_(FOLLOWED.c.account_key == key, as_neighbour)))
        assessments = connection.execute(delete(EVIDENCE).where(EVIDENCE.c.account_key == key)).rowcount
        letters = outbox.erase_account(connection, key, account_id, now)
        audit_log.empty_details(connection, key)
        _empty_reasons(connection, key)
        return Erased(assessments, letters)


def _empty_reasons(connection: Connection, key: str) -> None:
    """Empty the words of reviewers about an account, and those with which its author appealed."""
    connection.execute(update(APPEALS).where(APPEALS.c.account_key == key).values(statement=""))
    connection.execute(update(SKIPS).where(SKIPS.c.account_key == key).values(reason=""))
    own = update(IN_REVIEW).where(IN_REVIEW.c.key == key)
    connection.execute(own.values(escalated_reason=""))
    connection.execute(own.where(IN_REVIEW.c.held_by.is_not(None)).values(held_reason=""))
    connection.execute(delete(NOTES).where(NOTES.c.account_key == key))


def _exclude_commits(connection: Connection) -> None:
    """Wait for commits that may have read the erased accounts before this one, and block others meanwhile.

    SQLite has only one writer at a time.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {ERASED.name} IN EXCLUSIVE MODE"))


def erasures(connection: Connection, account_keys: Iterable[str | None]) -> dict[str, datetime]:
    """Return the time of erasure of the erased accounts among *account_keys*.

    The shared lock of `FOR SHARE` on the table blocks erasures until this transaction ends.
    """
    found: dict[str, datetime] = {}
    for keys in chunks({key for key in account_keys if key is not None}):
        query = select(ERASED.c.key, ERASED.c.erased_at).where(ERASED.c.key.in_(keys)).with_for_update(read=True)
        found.update((row.key, row.erased_at) for row in connection.execute(query))
    return found


def is_erased(account: str | None, at: datetime | None, erased: Mapping[str, datetime]) -> bool:
    """Return whether a post of an account at a time was erased; a post without a time counts as earlier."""
    if account is None or account not in erased:
        return False
    return at is None or at <= erased[account]


def without_erased_bytes(row: Row, at: datetime | None, erased: Mapping[str, datetime], now: datetime) -> Row:
    """Return the row of a dead letter, without content where its account was erased after the record was written."""
    if not is_erased(row["account_key"], at, erased):
        return {**row, "erased_at": None}
    return {**row, "record_key": None, "record_value": None, "record_headers": None, "reason": "", "erased_at": now}


def expire(engine: Engine, now: datetime, keep: timedelta) -> int:
    """Delete expired evidence, and the records of dead letters older than *keep*. Raises ConnectionLost.

    Returns the number of rows. A letter that was not relayed in that time is lost, which is logged.
    """
    with at_edge(engine), engine.begin() as connection:
        count = connection.execute(delete(EVIDENCE).where(EVIDENCE.c.expires_at <= now)).rowcount
        count += connection.execute(delete(FOLLOWED).where(FOLLOWED.c.expires_at <= now)).rowcount
        unsent, relayed = outbox.expire(connection, now - keep, now)
    if unsent:
        log.warning("%d dead letters were not relayed within %d days; their records were deleted", unsent, keep.days)
    return count + unsent + relayed
