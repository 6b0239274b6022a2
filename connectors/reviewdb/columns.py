"""Column types for untrusted values, identical on SQLite and PostgreSQL: text, times, JSON."""

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
"""An auto-increment 64-bit key; SQLite supports this only for the type INTEGER."""


def escape_text(text: str) -> str:
    """Return *text* without NUL and lone surrogates, which PostgreSQL and UTF-8 refuse; `unescape_text` is the inverse.

    Each such character becomes U+001A (SUBSTITUTE) and four hex digits, and so does U+001A. The mapping is injective,
    so that lookups by id work on the escaped form.
    """
    if _UNSTORABLE.search(text) is None:
        return text
    return _UNSTORABLE.sub(lambda found: f"{ESCAPE}{ord(found.group()):04x}", text)


def unescape_text(stored: str) -> str:
    """Return the text before `escape_text`."""
    if ESCAPE not in stored:
        return stored
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), stored)


class KeptText(TypeDecorator[str]):
    """Any Python string, stored without loss."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Escape characters that the database refuses."""
        return None if value is None else escape_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the original text."""
        return None if value is None else unescape_text(value)


class UtcTime(TypeDecorator[datetime]):
    """A time with a zone, returned in UTC, with microseconds on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; SQLite stores it without the zone, so that text order is time order."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time for the review database needs a zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A JSON value as ASCII text: unlike `jsonb` it keeps U+0000, infinities and the order of keys."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Serialise as JSON; None stays NULL."""
        return None if value is None else json.dumps(value, ensure_ascii=True, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """Parse the JSON."""
        return None if value is None else json.loads(value)
