"""Parses times and durations of platforms as UTC times and milliseconds."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any, Literal, get_args

from moderation.values.bounds import EARLIEST_MS, LATEST_MS

TimeUnit = Literal[
    "auto",
    "rfc3339",
    "epoch_s",
    "epoch_ms",
    "epoch_us",
    "epoch_ns",
    "http",
    "twitter",
    "snowflake_discord",
    "snowflake_twitter",
]
DurationUnit = Literal["us", "ms", "s", "min"]
TIME_UNITS: tuple[str, ...] = get_args(TimeUnit)
DURATION_UNITS: tuple[str, ...] = get_args(DurationUnit)

MAX_TEXT = 80
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND = {"epoch_s": 1, "epoch_ms": 10**3, "epoch_us": 10**6, "epoch_ns": 10**9}
# Epoch of the ids of each platform, in milliseconds since 1970.
_SNOWFLAKE_EPOCH_MS = {"snowflake_discord": 1_420_070_400_000, "snowflake_twitter": 1_288_834_974_657}
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "min": 60_000.0}
_NUMBER = re.compile(r"[+-]?\d{1,24}(\.\d{1,24})?\Z", re.ASCII)
_TWITTER = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d\d) (\d\d:\d\d:\d\d) ([+-]\d{4}) (\d{4})\Z", re.ASCII)
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_JAVA_ZONE = re.compile(r"\[[\w/+-]{1,64}\]\Z", re.ASCII)


NO_OFFSET = "has no offset from UTC; set mapping.time_zone to the time zone of such times"
"""The end of the message about a time without an offset, for which no zone is set."""


class _NoOffset(ValueError):
    """A time without an offset, for which no zone is set."""


def read_time(value: Any, unit: TimeUnit, zone: tzinfo | None) -> datetime:
    """Return the time of *value*, in UTC.

    `auto` recognises RFC 3339, HTTP and Twitter dates by their form, and seconds, milliseconds, microseconds and
    nanoseconds since 1970 by their size: between 2000 and 2100 they do not overlap. Ids that contain a time need their
    unit. *zone* is the time zone of times without one; None refuses these. Raises ValueError.
    """
    try:
        if unit in _PER_SECOND:
            return _since_epoch(_number(value), _PER_SECOND[unit])
        if unit in _SNOWFLAKE_EPOCH_MS:
            return _since_epoch((int(_number(value)) >> 22) + _SNOWFLAKE_EPOCH_MS[unit], 1000)
        if isinstance(value, str) and len(value) <= MAX_TEXT:
            return _TEXTS[unit](value.strip(), zone).astimezone(UTC)
        if unit == "auto":
            return _by_size(_number(value))
    except _NoOffset:
        raise ValueError(f"{value!r:.60} {NO_OFFSET}") from None
    except (ValueError, OverflowError, TypeError, LookupError):
        pass
    raise ValueError(f"{value!r:.60} is not a time ({unit})")


def read_duration(value: Any, unit: DurationUnit) -> Any:
    """Return a duration, or a list of them, in milliseconds. Raises ValueError."""
    if isinstance(value, list):
        return [read_duration(item, unit) for item in value]
    return float(_number(value)) * _MILLISECONDS[unit]


def _number(value: Any) -> int | float:
    if isinstance(value, str) and _NUMBER.match(value.strip()):
        return float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value!r:.60} is not a number")
    return value


def _since_epoch(number: int | float, per_second: int) -> datetime:
    if isinstance(number, int):
        return _EPOCH + timedelta(microseconds=number * 10**6 // per_second)
    return _EPOCH + timedelta(microseconds=round(number * (10**6 / per_second)))


def _by_size(number: int | float) -> datetime:
    for per_second in _PER_SECOND.values():
        if EARLIEST_MS <= number * 1000 / per_second < LATEST_MS:
            return _since_epoch(number, per_second)
    raise ValueError(f"{number} is not a time between 2000 and 2100 in any unit")


def _by_form(text: str, zone: tzinfo | None) -> datetime:
    if _NUMBER.match(text):
        return _by_size(_number(text))
    if text[4:5] == "-" or text[8:9] == "T":
        return _rfc3339(text, zone)
    return _http(text, zone) if "," in text else _twitter(text, zone)


def _rfc3339(text: str, zone: tzinfo | None) -> datetime:
    """Parse RFC 3339 and the variants of databases: with ' UTC' or a bracketed zone at the end, or without offset."""
    text = _JAVA_ZONE.sub("", text)
    if text.endswith((" UTC", " GMT")):
        text = f"{text[:-4]}+00:00"
    if len(text) < 15:
        raise ValueError("a date without a time of day")
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        if zone is None:
            raise _NoOffset
        return found.replace(tzinfo=zone)
    return found


def _http(text: str, zone: tzinfo | None) -> datetime:  # noqa: ARG001  # the common signature of all forms
    found = parsedate_to_datetime(text)
    if found.tzinfo is None:
        raise ValueError("a date without a zone")
    return found


def _twitter(text: str, zone: tzinfo | None) -> datetime:  # noqa: ARG001
    found = _TWITTER.match(text)
    if found is None:
        raise ValueError("not a date of Twitter's first API")
    month, day, clock, offset, year = found.groups()
    return datetime.fromisoformat(f"{year}-{_MONTHS[month]:02}-{day}T{clock}{offset}")


_TEXTS: dict[str, Callable[[str, tzinfo | None], datetime]] = {
    "auto": _by_form,
    "rfc3339": _rfc3339,
    "http": _http,
    "twitter": _twitter,
}
