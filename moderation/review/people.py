"""People of the console: they are added, listed, given a role or a password, and disabled."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Engine, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.identity import digest
from connectors.reviewdb.models import AccountInReviewRow, ApiTokenRow, PersonRow, SessionRow
from connectors.reviewdb.statements import table_of
from moderation.errors import InputError, ModerationError
from moderation.review.names import compared_name
from moderation.review.permissions import DECIDES_OPEN, ROLE_ACTIONS
from moderation.review.refusals import InvalidValue

PEOPLE = table_of(PersonRow)
MIN_PASSWORD_CHARS = 12
MAX_PASSWORD_CHARS = 256
MAX_NAME_CHARS = 64
HASHER = PasswordHasher()
"""Argon2id with the parameters that the library recommends."""
AT_ONCE = 4
"""Passwords that are verified at a time, because each takes 64 MB of memory while it is."""
_VERIFYING = threading.BoundedSemaphore(AT_ONCE)
_WAITING = threading.BoundedSemaphore(4 * AT_ONCE)
"""Those that are verified or wait; further ones are refused, so that they leave threads for other pages."""
_UNKNOWN = HASHER.hash("no person has this password")
"""A hash to verify for unknown names, so that the response takes as long as for known ones."""


class SignInBusy(ModerationError):
    """More passwords than are verified at a time wait."""

    exit_code = 7


@dataclass(frozen=True)
class Person:
    """A person of the console."""

    id: int
    name: str
    role: str
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True)
class NewPerson:
    """A person to add. Raises InvalidValue for a name, role or password that is not permitted."""

    name: str
    role: str
    password: str

    def __post_init__(self) -> None:
        """Check the values."""
        name = self.name.strip()
        if not compared_name(name) or len(name) > MAX_NAME_CHARS or not name.isprintable():
            raise InvalidValue(
                f"the name must have 1 to {MAX_NAME_CHARS} visible characters, got {name[:80]!r}; choose another one"
            )
        object.__setattr__(self, "name", name)
        require_role(self.role)
        require_password(self.password)


def require_role(role: str) -> None:
    """Raise InvalidValue for an unknown role."""
    if role not in ROLE_ACTIONS:
        raise InvalidValue(f"the role must be one of {', '.join(ROLE_ACTIONS)}, got {role!r}")


def require_password(password: str) -> None:
    """Raise InvalidValue for a password that is too short or too long."""
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise InvalidValue(
            f"the password must have {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters, got {len(password)}"
        )


def add_person(engine: Engine, new: NewPerson, *, by: str, now: datetime) -> Person:
    """Add a person. Raises InvalidValue where another person has a name that looks the same."""
    values = {"name": new.name, "role": new.role, "password_hash": HASHER.hash(new.password), "created_at": now}
    try:
        with at_edge(engine), engine.begin() as connection:
            statement = insert(PEOPLE).values(key=name_key(new.name), **values).returning(PEOPLE.c.id)
            number = connection.execute(statement).scalar_one()
            append(connection, Entry(now, by, "person_added", None, {"name": new.name, "role": new.role}))
    except IntegrityError:
        raise InvalidValue(
            f"there is already a person named {new.name!r}, or with a name that looks the same; choose another name"
        ) from None
    return Person(number, new.name, new.role, now, None)


def list_people(engine: Engine) -> list[Person]:
    """Return all people in the order in which they were added."""
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        return [person_of(row) for row in connection.execute(select(PEOPLE).order_by(PEOPLE.c.id))]


def disable_person(engine: Engine, name: str, *, by: str, now: datetime) -> Person:
    """Disable a person: revoke sessions and tokens, end claims, holds, assignments. Raises InputError if unknown."""
    with at_edge(engine), engine.begin() as connection:
        person = _locked(connection, name)
        connection.execute(update(PEOPLE).where(PEOPLE.c.id == person.id).values(disabled_at=now))
        _revoke(connection, person.id, now)
        release_all(connection, person.id)
        append(connection, Entry(now, by, "person_disabled", None, {"name": person.name}))
    return Person(person.id, person.name, person.role, person.created_at, now)


def set_password(engine: Engine, name: str, password: str, *, by: str, now: datetime) -> Person:
    """Set the password of a person and revoke the sessions and tokens. Raises InputError if unknown."""
    require_password(password)
    hashed = HASHER.hash(password)
    with at_edge(engine), engine.begin() as connection:
        person = _locked(connection, name)
        connection.execute(update(PEOPLE).where(PEOPLE.c.id == person.id).values(password_hash=hashed))
        _revoke(connection, person.id, now)
        append(connection, Entry(now, by, "password_set", None, {"name": person.name}))
    return person


def set_role(engine: Engine, name: str, role: str, *, by: str, now: datetime) -> Person:
    """Give a person another role; sessions keep running and have it at once. Raises InputError if unknown."""
    require_role(role)
    with at_edge(engine), engine.begin() as connection:
        person = _locked(connection, name)
        change_role(connection, person, role, by=by, now=now)
    return Person(person.id, person.name, role, person.created_at, person.disabled_at)


def change_role(connection: Connection, person: Person, role: str, *, by: str, now: datetime) -> None:
    """Give a person another role in the transaction of the caller.

    Claims, holds and assignments end where the person does not decide about these accounts any more.
    """
    connection.execute(update(PEOPLE).where(PEOPLE.c.id == person.id).values(role=role))
    if person.role != role and not {person.role, role} <= DECIDES_OPEN:
        release_all(connection, person.id)
    append(connection, Entry(now, by, "role_set", None, {"name": person.name, "from": person.role, "to": role}))


def verified_person(engine: Engine, name: str, password: str) -> tuple[Person, str] | None:
    """Return the person with this name and password, and the hash; None for all others and for disabled people.

    Raises SignInBusy and ConnectionLost.
    """
    if not _WAITING.acquire(blocking=False):
        raise SignInBusy("too many people sign in at this moment; try again in a few seconds")
    try:
        return _verified(engine, name, password)
    finally:
        _WAITING.release()


def _verified(engine: Engine, name: str, password: str) -> tuple[Person, str] | None:
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        row = connection.execute(select(PEOPLE).where(PEOPLE.c.key == name_key(name))).one_or_none()
    known = row is not None and row.disabled_at is None
    try:
        with _VERIFYING:
            HASHER.verify(
                row.password_hash if row is not None and known else _UNKNOWN, password[: MAX_PASSWORD_CHARS + 1]
            )
    except (VerificationError, InvalidHashError):
        return None
    return (person_of(row), str(row.password_hash)) if row is not None and known else None


def find_person(connection: Connection, name: str) -> Person:
    """Return a person who is not disabled. Raises InputError."""
    person = _locked(connection, name)
    if person.disabled_at is not None:
        raise InputError(f"{person.name} is disabled; add another person")
    return person


def name_key(name: str) -> str:
    """Return the identity of a name: names that look the same have one."""
    return digest("person", compared_name(name))


def _locked(connection: Connection, name: str) -> Person:
    # With key_share, rows that refer to the person can be written meanwhile. A decision writes some while it holds
    # locks for which this transaction waits later.
    query = select(PEOPLE).where(PEOPLE.c.key == name_key(name)).with_for_update(key_share=True)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise InputError(f"there is no person named {name!r}; `moderation reviewers list` prints all names")
    return person_of(row)


def _revoke(connection: Connection, person_id: int, now: datetime) -> None:
    for table in (table_of(SessionRow), table_of(ApiTokenRow)):
        live = (table.c.person_id == person_id) & table.c.revoked_at.is_(None)
        connection.execute(update(table).where(live).values(revoked_at=now))


def release_all(connection: Connection, person_id: int) -> None:
    """End claims, holds and assignments of a person."""
    table = table_of(AccountInReviewRow)
    row = table.c
    own = or_(row.claimed_by == person_id, row.held_by == person_id, row.assigned_to == person_id)
    # In the order in which decisions about many accounts lock them.
    connection.execute(select(row.key).where(own).order_by(row.key).with_for_update()).all()
    claimed = {"claimed_by": None, "claimed_until": None, "claimed_since": None}
    connection.execute(update(table).where(row.claimed_by == person_id).values(claimed))
    held = {"held_by": None, "held_until": None, "held_reason": None}
    connection.execute(update(table).where(row.held_by == person_id).values(held))
    connection.execute(update(table).where(row.assigned_to == person_id).values(assigned_to=None))


def person_of(row: object) -> Person:
    """Return the person of a row."""
    return Person(row.id, row.name, row.role, row.created_at, row.disabled_at)  # type: ignore[attr-defined]
