"""The daily quota of accounts: those beyond it are recorded, and enter the queue on a later day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, or_, select

from connectors.reviewdb.models import AccountInReviewRow
from connectors.reviewdb.rows import Row
from connectors.reviewdb.statements import chunks, table_of

IN_REVIEW = table_of(AccountInReviewRow)
HOLDER, REASON = "the daily quota", "over flags.daily_quota"
"""Holder and reason of such a hold as people read them; it has no person."""
_BY_QUOTA = and_(IN_REVIEW.c.held_by.is_(None), IN_REVIEW.c.held_until.is_not(None))
"""Not by the reason, which an erasure empties."""


def spread(connection: Connection, rows: Sequence[Row], now: datetime, quota: int) -> list[Row]:
    """Return rows of accounts with the day on which each new one enters the queue; a quota of 0 holds none.

    Days begin at midnight UTC and are filled in the order of batches, and of one batch by the risk, highest first.
    Sidecars that commit at the same time can exceed the quota by the accounts of one batch each.
    """
    known = _known(connection, [row["key"] for row in rows]) if quota else set()
    by_risk = sorted(rows, key=lambda row: (-row["risk"], row["key"]))
    new = [row["key"] for row in by_risk if row["key"] not in known] if quota else []
    used = taken(connection, now) if new else 0
    days = {key: (used + number) // quota for number, key in enumerate(new)}
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    for row in rows:
        later = days.get(row["key"], 0)
        held_until = midnight + timedelta(days=later) if later else None
        found.append({**row, "held_until": held_until, "held_reason": REASON if later else None})
    return found


def taken(connection: Connection, now: datetime) -> int:
    """Return how many accounts have a place today or later."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = and_(~_BY_QUOTA, IN_REVIEW.c.opened_at >= midnight)
    placed = and_(_BY_QUOTA, IN_REVIEW.c.held_until >= midnight)
    return connection.scalar(select(func.count()).select_from(IN_REVIEW).where(or_(today, placed))) or 0


def _known(connection: Connection, keys: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for some in chunks(keys):
        found.update(connection.scalars(select(IN_REVIEW.c.key).where(IN_REVIEW.c.key.in_(some))))
    return found
