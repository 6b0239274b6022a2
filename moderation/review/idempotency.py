"""Requests that are sent twice: the second one gets the response of the first and changes nothing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select

from connectors.reviewdb.identity import digest
from connectors.reviewdb.review_models import IdempotencyKeyRow
from connectors.reviewdb.statements import insert_into, table_of
from moderation.review.refusals import InvalidValue

KEYS = table_of(IdempotencyKeyRow)
KEPT = timedelta(hours=24)
MAX_KEY_CHARS = 200


def remembered(connection: Connection, person_id: int, key: str, request: Any, now: datetime) -> dict[str, Any] | None:
    """Return the response to an earlier request with this key, None where there is none.

    Raises InvalidValue for a key that is too long or belongs to another request.
    """
    if not 1 <= len(key) <= MAX_KEY_CHARS:
        raise InvalidValue(f"the idempotency key must have 1 to {MAX_KEY_CHARS} characters, got {len(key)}")
    query = select(KEYS.c.request_digest, KEYS.c.response).where(
        KEYS.c.person_id == person_id, KEYS.c.key == digest(key), KEYS.c.created_at > now - KEPT
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    if row.request_digest != _digest_of(request):
        raise _used(key)
    response: dict[str, Any] = row.response
    return response


def remember(
    connection: Connection, person_id: int, key: str, request: Any, response: dict[str, Any], now: datetime
) -> None:
    """Store a response in the transaction of the request, and delete those that are older than a day."""
    connection.execute(delete(KEYS).where(KEYS.c.created_at <= now - KEPT))
    statement = insert_into(connection, IdempotencyKeyRow).values(
        person_id=person_id, key=digest(key), request_digest=_digest_of(request), response=response, created_at=now
    )
    if not connection.execute(statement.on_conflict_do_nothing()).rowcount:
        raise _used(key)


def _digest_of(request: Any) -> str:
    return digest("request", json.dumps(request, sort_keys=True))


def _used(key: str) -> InvalidValue:
    return InvalidValue(f"the idempotency key {key[:40]!r} was used for another request; use a new key for each one")
