"""Column types that keep what strangers send, the same on SQLite and PostgreSQL: text, times, JSON."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

ESCAPE = "\x1a"
_UNSTORABLE = re.compile("[\x00\x1a\ud800-\udfff]")
_ESCAPED = re.compile("\x1a([0-9a-f]{4})")

Counter = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit key that counts up by itself; SQLite does so only for the type named INTEGER."""


def escape_text(text: str) -> str:
    """Text without NUL and lone surrogates, which PostgreSQL and UTF-8 refuse; `unescape_text` gives it back.

    Each such character becomes U+001A (SUBSTITUTE) and four hex digits, and so does U+001A itself. Equal texts stay
    equal and different ones different, so lookups by id work on the escaped form.
    """
    if _UNSTORABLE.search(text) is None:
        return text
    return _UNSTORABLE.sub(lambda found: f"{ESCAPE}{ord(found.group()):04x}", text)


def unescape_text(stored: str) -> str:
    """The text as it was before `escape_text`."""
    if ESCAPE not in stored:
        return stored
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), stored)


class KeptText(TypeDecorator[str]):
    """Any Python string, kept without loss."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Escape what the database refuses."""
        return None if value is None else escape_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Give back what was written."""
        return None if value is None else unescape_text(value)


class UtcTime(TypeDecorator[datetime]):
    """A moment: times with a zone go in, times in UTC come out, to the microsecond on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn into UTC; SQLite stores it without the zone, so that text order is time order."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone has no place in the review database")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give the time back in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A JSON value as ASCII text: unlike `jsonb` it keeps U+0000, infinities and the order of keys."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Write as JSON; None stays NULL."""
        return None if value is None else json.dumps(value, ensure_ascii=True, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """Read the JSON back."""
        return None if value is None else json.loads(value)
