"""What a person chooses for the own pages: blurred texts, reminders of breaks, and keys."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import PersonRow
from connectors.reviewdb.statements import table_of
from moderation.review.refusals import InvalidValue

log = logging.getLogger(__name__)
PEOPLE = table_of(PersonRow)
KEYS: Mapping[str, str] = {
    "n": "Next account",
    "q": "Queue",
    "/": "Search",
    "b": "Show the texts",
    "p": "What the score depends on",
    "c": "Choose the policy",
    "g": "Write the ground",
    "e": "Ask a senior",
    "s": "Skip",
    "h": "Hold",
    "r": "End the claim",
    "u": "Undo",
    "f": "Apply the filters",
    "j": "Next row",
    "k": "Previous row",
}
"""The keys that a person can change, with what they do."""
MAX_BREAK_MINUTES = 240


@dataclass(frozen=True)
class Preferences:
    """The choices of a person. `blur` is None where the person follows the settings of the console.

    `break_minutes` is the time between reminders, 0 for none; `keys` maps keys of KEYS to the person's own, and to ""
    what has no key. Raises InvalidValue.
    """

    blur: bool | None = None
    break_minutes: int = 0
    keys: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Filters of the queue that the person saved, by name (`saved_filters.py`)."""

    def __post_init__(self) -> None:
        """Check the values."""
        if not 0 <= self.break_minutes <= MAX_BREAK_MINUTES:
            raise InvalidValue(f"break_minutes must be from 0 to {MAX_BREAK_MINUTES}, got {self.break_minutes}")
        for key, own in self.keys.items():
            if key not in KEYS:
                raise InvalidValue(f"the key {key[:20]!r} is not one of {' '.join(KEYS)}")
            if own and (len(own) != 1 or not own.isprintable() or own.isspace() or own in "123?"):
                raise InvalidValue(f"the key for {KEYS[key]!r} must be one visible character other than 1, 2, 3 and ?")
        used = [self.keys.get(key, key) for key in KEYS]
        twice = sorted({key for key in used if key and used.count(key) > 1})
        if twice:
            raise InvalidValue(f"the key {twice[0]!r} is used twice; choose another one")


def save_preferences(engine: Engine, person_id: int, wanted: Preferences) -> None:
    """Store the choices of a person; saved filters stay as they are now, because another page changes them."""
    with at_edge(engine), engine.begin() as connection:
        stored = locked_preferences(connection, person_id)
        store_preferences(connection, person_id, replace(wanted, filters=stored.filters))


def locked_preferences(connection: Connection, person_id: int) -> Preferences:
    """Return the stored choices of a person, whose row is locked until the transaction ends."""
    query = select(PEOPLE.c.preferences).where(PEOPLE.c.id == person_id).with_for_update(key_share=True)
    return preferences_of(connection.execute(query).scalar_one())


def store_preferences(connection: Connection, person_id: int, wanted: Preferences) -> None:
    """Store choices in the transaction of the caller."""
    values = asdict(wanted) | {"keys": {key: own for key, own in wanted.keys.items() if own != key}}
    connection.execute(update(PEOPLE).where(PEOPLE.c.id == person_id).values(preferences=values))


def preferences_of(stored: Mapping[str, Any]) -> Preferences:
    """Return stored choices; those that this version no longer accepts are left out."""
    try:
        return Preferences(**{**stored, "keys": _known_keys(stored.get("keys", {}))})
    except (InvalidValue, TypeError):
        log.warning("stored preferences are not valid any more and are not used")
    known = {name: stored[name] for name in ("blur", "break_minutes", "filters") if name in stored}
    try:
        return Preferences(**known)
    except InvalidValue:
        return Preferences()


def _known_keys(stored: Mapping[str, str]) -> dict[str, str]:
    """Return the person's keys; a default key of this version that collides with one of them is left unassigned."""
    own = {key: chosen for key, chosen in stored.items() if key in KEYS}
    taken = set(own.values())
    return own | {key: "" for key in KEYS if key in taken and key not in own}
