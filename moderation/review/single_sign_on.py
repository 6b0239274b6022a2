"""People who sign in at an OpenID Connect provider: added at the first sign-in, with the role of their groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import IntegrityError

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.identity import digest
from connectors.reviewdb.models import PersonRow
from connectors.reviewdb.statements import table_of
from moderation.errors import ModerationError
from moderation.review.names import compared_name
from moderation.review.people import MAX_NAME_CHARS, change_role, name_key, person_of
from moderation.review.sessions import begin_session
from moderation.settings.oidc import OidcSettings

PEOPLE = table_of(PersonRow)
NO_PASSWORD = "!"  # nosec B105  # noqa: S105  # no hash: no password verifies
ACTOR = "single sign-on"


class SignInRefused(ModerationError):
    """The provider knows the person, but the person may not use the console."""


@dataclass(frozen=True)
class Identity:
    """A person as the provider describes them; `subject` never changes."""

    issuer: str
    subject: str
    name: str
    role: str

    @property
    def key(self) -> str:
        """The identity of the person at this provider."""
        return digest("oidc", self.issuer, self.subject)


def identity_of(claims: Mapping[str, Any], asked: OidcSettings) -> Identity:
    """Return the person of verified claims. Raises SignInRefused without a usable name or a group with a role."""
    name = str(claims.get(asked.name_claim, "")).strip()
    if not compared_name(name) or len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise SignInRefused(f"the provider sends no usable name in the claim {asked.name_claim!r}")
    groups = claims.get(asked.role_claim)
    listed = groups if isinstance(groups, list) else [groups]
    own = {one for one in listed if isinstance(one, str)}
    role = next((role for group, role in asked.roles.items() if group in own), None)
    if role is None:
        raise SignInRefused(f"{name} is in no group that may use the console (oidc.roles)")
    return Identity(asked.issuer, str(claims["sub"]), name, role)


def sign_in_person(engine: Engine, found: Identity, *, now: datetime, lasts: timedelta) -> str:
    """Begin a session of a person and return its token; the first time, add the person.

    The role follows the groups. Raises SignInRefused for a disabled person, and where another person has the name: an
    account with a password is never taken over by a name at the provider.
    """
    try:
        with at_edge(engine), engine.begin() as connection:
            query = select(PEOPLE).where(PEOPLE.c.oidc_key == found.key).with_for_update(key_share=True)
            row = connection.execute(query).one_or_none()
            person = None if row is None else person_of(row)
            if person is not None and person.disabled_at is not None:
                raise SignInRefused(f"{person.name} is disabled")
            number = _added(connection, found, now) if person is None else person.id
            if person is not None and person.role != found.role:
                change_role(connection, person, found.role, by=ACTOR, now=now)
            return begin_session(connection, number, found.name if person is None else person.name, now, lasts)
    except IntegrityError:
        raise SignInRefused(
            f"there is already a person named {found.name!r} in the console; ask an administrator for another name"
        ) from None


def _added(connection: Connection, found: Identity, now: datetime) -> int:
    values = {"key": name_key(found.name), "name": found.name, "role": found.role, "password_hash": NO_PASSWORD}
    statement = insert(PEOPLE).values(**values, oidc_key=found.key, created_at=now).returning(PEOPLE.c.id)
    number = int(connection.execute(statement).scalar_one())
    append(connection, Entry(now, ACTOR, "person_added", None, {"name": found.name, "role": found.role}))
    return number
