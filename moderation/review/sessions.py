"""Sessions in browsers: they begin with a password, expire, and can be revoked."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete, insert, select, update

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import PersonRow, SessionRow
from connectors.reviewdb.statements import table_of
from moderation.review.people import verified_person
from moderation.review.permissions import Actor
from moderation.review.preferences import preferences_of

PEOPLE, SESSIONS = table_of(PersonRow), table_of(SessionRow)
TOKEN_BYTES = 32
REMEMBERED = timedelta(days=30)
"""Rows of sessions that ended longer ago are deleted."""


def sign_in(engine: Engine, name: str, password: str, *, now: datetime, lasts: timedelta) -> str | None:
    """Begin a session and return its token; None for a wrong name or password. Raises ConnectionLost."""
    verified = verified_person(engine, name, password)
    if verified is None:
        return None
    person, password_hash = verified
    with at_edge(engine), engine.begin() as connection:
        # The password may have changed since it was verified; the lock excludes a change from here on.
        found = (
            select(PEOPLE.c.password_hash, PEOPLE.c.disabled_at)
            .where(PEOPLE.c.id == person.id)
            .with_for_update(key_share=True)
        )
        if tuple(connection.execute(found).one()) != (password_hash, None):
            return None
        return begin_session(connection, person.id, person.name, now, lasts)


def begin_session(connection: Connection, person_id: int, name: str, now: datetime, lasts: timedelta) -> str:
    """Begin a session in the transaction of the caller, and return its token."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    connection.execute(delete(SESSIONS).where(SESSIONS.c.expires_at < now - REMEMBERED))
    values = {"token_digest": token_digest(token), "person_id": person_id}
    connection.execute(insert(SESSIONS).values(**values, created_at=now, expires_at=now + lasts))
    append(connection, Entry(now, name, "signed_in", None, {}))
    return token


def session_actor(engine: Engine, token: str, now: datetime) -> Actor | None:
    """Return the person of a session; None where it has expired, was revoked, or the person was disabled."""
    query = (
        select(PEOPLE.c.id, PEOPLE.c.name, PEOPLE.c.role, PEOPLE.c.preferences)
        .join(SESSIONS, SESSIONS.c.person_id == PEOPLE.c.id)
        .where(
            SESSIONS.c.token_digest == token_digest(token),
            SESSIONS.c.expires_at > now,
            SESSIONS.c.revoked_at.is_(None),
            PEOPLE.c.disabled_at.is_(None),
        )
    )
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else Actor(row.id, row.name, row.role, preferences=preferences_of(row.preferences))


def sign_out(engine: Engine, actor: Actor, token: str, now: datetime) -> None:
    """Revoke a session."""
    with at_edge(engine), engine.begin() as connection:
        ended = (SESSIONS.c.token_digest == token_digest(token)) & SESSIONS.c.revoked_at.is_(None)
        if connection.execute(update(SESSIONS).where(ended).values(revoked_at=now)).rowcount:
            append(connection, Entry(now, actor.name, "signed_out", None, {}))


def token_digest(token: str) -> str:
    """Return the digest that is stored of a random token; it needs no salt, because the token cannot be guessed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
