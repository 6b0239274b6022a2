"""The bounds of plausible times of events, accounts and records."""

from __future__ import annotations

from datetime import UTC, datetime

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
EARLIEST_MS = int(EARLIEST.timestamp() * 1000)
LATEST_MS = int(LATEST.timestamp() * 1000)
MAX_AHEAD_MS = 5 * 60 * 1000
"""Maximum time of an event after its arrival, because the clocks of producers differ."""


def milliseconds(at: datetime) -> int:
    """Return a time as milliseconds since the epoch."""
    return int(at.timestamp() * 1000)


def record_time(timestamp_ms: int | None, now_ms: int) -> int | None:
    """Return the timestamp of a record where it is plausible, else None.

    A producer may write seconds or microseconds by mistake. Such a timestamp is before 2000 or far in the future and is
    unrelated to the arrival of the record. A timestamp at most five minutes in the future is replaced by now.
    """
    if timestamp_ms is None or not EARLIEST_MS <= timestamp_ms <= now_ms + MAX_AHEAD_MS:
        return None
    return min(timestamp_ms, now_ms)


def account_time(at: datetime, arrival_ms: int) -> datetime | None:
    """Return the creation time of an account; None for a placeholder (year 1, 1970, 9999) or a time in the future."""
    return at if at >= EARLIEST and milliseconds(at) <= arrival_ms + MAX_AHEAD_MS else None
