"""Tokens for the API: made for a person with scopes and an expiry, shown once, stored as digests."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, insert, select, update

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import ApiTokenRow, PersonRow
from connectors.reviewdb.statements import table_of
from moderation.errors import InputError
from moderation.review.people import MAX_NAME_CHARS, find_person
from moderation.review.permissions import SCOPE_ACTIONS, Actor
from moderation.review.refusals import InvalidValue
from moderation.review.sessions import TOKEN_BYTES, token_digest

PEOPLE, TOKENS = table_of(PersonRow), table_of(ApiTokenRow)
PREFIX = "mod_"
"""Secret scanners find tokens by it."""
MAX_DAYS = 366


@dataclass(frozen=True)
class TokenInfo:
    """A token without its secret."""

    id: int
    person: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class NewToken:
    """A token to make. Raises InvalidValue for an unknown scope, an empty name or an expiry out of range."""

    person: str
    name: str
    scopes: Collection[str]
    days: int

    def __post_init__(self) -> None:
        """Check the values."""
        if not self.name.strip() or len(self.name) > MAX_NAME_CHARS:
            raise InvalidValue(f"the token needs a name of 1 to {MAX_NAME_CHARS} characters (--name)")
        if not self.scopes or not set(self.scopes) <= set(SCOPE_ACTIONS):
            raise InvalidValue(
                f"the scopes must be of {', '.join(SCOPE_ACTIONS)}, got {', '.join(self.scopes) or 'none'} (--scope)"
            )
        if not 1 <= self.days <= MAX_DAYS:
            raise InvalidValue(f"the token must last 1 to {MAX_DAYS} days, got {self.days} (--days)")


def make_token(engine: Engine, new: NewToken, *, by: str, now: datetime) -> str:
    """Store a token and return it. Raises InputError for an unknown or disabled person."""
    token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    scopes = sorted(set(new.scopes))
    with at_edge(engine), engine.begin() as connection:
        person = find_person(connection, new.person)
        values = {"name": new.name, "scopes": scopes, "created_at": now, "expires_at": now + timedelta(days=new.days)}
        connection.execute(insert(TOKENS).values(token_digest=token_digest(token), person_id=person.id, **values))
        details = {"person": person.name, "name": new.name, "scopes": scopes}
        append(connection, Entry(now, by, "token_made", None, details))
    return token


def token_actor(engine: Engine, token: str, now: datetime) -> Actor | None:
    """Return the person of a token with its scopes; None where it has expired or was revoked."""
    query = (
        select(PEOPLE.c.id, PEOPLE.c.name, PEOPLE.c.role, TOKENS.c.scopes)
        .join(TOKENS, TOKENS.c.person_id == PEOPLE.c.id)
        .where(
            TOKENS.c.token_digest == token_digest(token),
            TOKENS.c.expires_at > now,
            TOKENS.c.revoked_at.is_(None),
            PEOPLE.c.disabled_at.is_(None),
        )
    )
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else Actor(row.id, row.name, row.role, frozenset(row.scopes))


def list_tokens(engine: Engine) -> list[TokenInfo]:
    """Return all tokens without their secrets, in the order in which they were made."""
    query = select(TOKENS, PEOPLE.c.name.label("person")).join(PEOPLE, PEOPLE.c.id == TOKENS.c.person_id)
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        return [
            TokenInfo(row.id, row.person, row.name, tuple(row.scopes), row.created_at, row.expires_at, row.revoked_at)
            for row in connection.execute(query.order_by(TOKENS.c.id))
        ]


def revoke_token(engine: Engine, number: int, *, by: str, now: datetime) -> None:
    """Revoke a token. Raises InputError where there is none with this number, or it is revoked already."""
    with at_edge(engine), engine.begin() as connection:
        live = (TOKENS.c.id == number) & TOKENS.c.revoked_at.is_(None)
        if not connection.execute(update(TOKENS).where(live).values(revoked_at=now)).rowcount:
            raise InputError(f"there is no live token {number}; `moderation reviewers tokens` prints all numbers")
        append(connection, Entry(now, by, "token_revoked", None, {"token": number}))
