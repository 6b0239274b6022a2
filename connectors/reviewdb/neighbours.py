"""Stores whom a flagged account follows: a short list, replaced at its next flag, expiring and erased as evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from connectors.reviewdb.identity import account_key, stored_number
from connectors.reviewdb.models import AccountInReviewRow, ErasedAccountRow
from connectors.reviewdb.retention import is_erased
from connectors.reviewdb.review_models import FollowedRow
from connectors.reviewdb.rows import Row
from connectors.reviewdb.statements import chunks, table_of
from moderation.effects import FlagRaised

FOLLOWED, IN_REVIEW, ERASED = table_of(FollowedRow), table_of(AccountInReviewRow), table_of(ErasedAccountRow)
KEPT = 20
"""Accounts that are kept of those that an account follows: flagged ones first, then mutual ones; among these and among
the others, those that it followed last."""


def replace_followed(
    connection: Connection, new: Sequence[FlagRaised], expires_at: datetime, erased: Mapping[str, datetime]
) -> None:
    """Store whom the accounts of new flags, in their order, follow; without accounts that were erased.

    The last flag of an account replaces its list, also where it follows no account any more.
    """
    latest: dict[str, FlagRaised] = {}
    for flag in new:
        found = flag.assessment
        if found.account_id is not None:
            key = account_key(found.platform_id, found.account_id)
            if not is_erased(key, found.event_time, erased):
                latest[key] = flag
    for keys in chunks(latest):
        connection.execute(delete(FOLLOWED).where(FOLLOWED.c.account_key.in_(keys)))
    for key, flag in sorted(latest.items()):
        if rows := _rows(connection, key, flag, expires_at):
            connection.execute(insert(FOLLOWED), rows)


def _rows(connection: Connection, key: str, flag: FlagRaised, expires_at: datetime) -> list[Row]:
    mutual = {stored_number(one.number): one.mutual for one in flag.followed}
    if not mutual:
        return []
    gone = set(connection.scalars(select(ERASED.c.number).where(ERASED.c.number.in_(mutual))))
    # An account that was erased before erasures had a number has one in review, if it was flagged again.
    by_key = select(IN_REVIEW.c.number).join(ERASED, ERASED.c.key == IN_REVIEW.c.key)
    gone.update(connection.scalars(by_key.where(IN_REVIEW.c.number.in_(mutual))))
    known = select(IN_REVIEW.c.number).where(IN_REVIEW.c.number.in_(mutual))
    flagged = set(connection.scalars(known.where(IN_REVIEW.c.platform_id == flag.assessment.platform_id)))
    kept = [number for number in mutual if number not in gone]
    kept.sort(key=lambda number: (number not in flagged, not mutual[number]))
    return [
        {
            "account_key": key,
            "number": number,
            "mutual": mutual[number],
            "flagged_before": number in flagged,
            "expires_at": expires_at,
        }
        for number in kept[:KEPT]
    ]
