"""What a plausible time is: one place for the bounds of events, accounts and record timestamps."""

from __future__ import annotations

from datetime import UTC, datetime

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
EARLIEST_MS = int(EARLIEST.timestamp() * 1000)
LATEST_MS = int(LATEST.timestamp() * 1000)
MAX_AHEAD_MS = 5 * 60 * 1000
"""How far an event may lie after its arrival: producers' clocks differ."""


def milliseconds(at: datetime) -> int:
    """Return a time as milliseconds since the epoch."""
    return int(at.timestamp() * 1000)


def record_time(timestamp_ms: int | None, now_ms: int) -> int | None:
    """Return the timestamp of a record where it is plausible, else None.

    A producer may stamp seconds or microseconds by mistake. Such a stamp lies before 2000 or far in the future, and
    says nothing about when the record arrived. A clock that is at most five minutes ahead counts as now.
    """
    if timestamp_ms is None or not EARLIEST_MS <= timestamp_ms <= now_ms + MAX_AHEAD_MS:
        return None
    return min(timestamp_ms, now_ms)


def account_time(at: datetime, arrival_ms: int) -> datetime | None:
    """Return when an account was created, or None for a placeholder (year 1, 1970, 9999) or a time in the future."""
    return at if at >= EARLIEST and milliseconds(at) <= arrival_ms + MAX_AHEAD_MS else None
