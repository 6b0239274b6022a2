"""Filters of the queue that a person saves under a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import PersonRow
from connectors.reviewdb.statements import table_of
from moderation.review.permissions import Actor
from moderation.review.preferences import preferences_of
from moderation.review.queue import QueueFilter
from moderation.review.refusals import InvalidValue

PEOPLE = table_of(PersonRow)
MOST_FILTERS = 20
MAX_NAME_CHARS = 40


@dataclass(frozen=True)
class SavedFilter:
    """A filter of the queue with the name under which a person saved it; empty values are no filters."""

    name: str
    view: str
    family: str | None
    min_risk: float | None


def saved_filters(actor: Actor) -> tuple[SavedFilter, ...]:
    """Return the filters of a person, by name."""
    return tuple(_saved(name, stored) for name, stored in sorted(actor.preferences.filters.items()))


def save_filter(engine: Engine, actor: Actor, name: str, wanted: QueueFilter) -> SavedFilter:
    """Store a filter under a name, in place of an earlier one, and return it.

    Raises InvalidValue for a name that cannot be shown and for too many filters.
    """
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME_CHARS or not name.isprintable():
        raise InvalidValue(f"the name of a filter must have 1 to {MAX_NAME_CHARS} visible characters")
    with at_edge(engine), engine.begin() as connection:
        filters = _locked(connection, actor) | {name: {key: value for key, value in asdict(wanted).items() if value}}
        if len(filters) > MOST_FILTERS:
            raise InvalidValue(f"a person can save {MOST_FILTERS} filters; remove one first")
        _store(connection, actor, filters)
    return _saved(name, filters[name])


def remove_filter(engine: Engine, actor: Actor, name: str) -> None:
    """Remove a filter, where there is one with this name."""
    with at_edge(engine), engine.begin() as connection:
        filters = _locked(connection, actor)
        _store(connection, actor, {key: value for key, value in filters.items() if key != name})


def _saved(name: str, stored: Mapping[str, Any]) -> SavedFilter:
    return SavedFilter(name, str(stored["view"]), stored.get("family"), stored.get("min_risk"))


def _locked(connection: Connection, actor: Actor) -> dict[str, Mapping[str, Any]]:
    query = select(PEOPLE.c.preferences).where(PEOPLE.c.id == actor.id).with_for_update()
    return dict(preferences_of(connection.execute(query).scalar_one()).filters)


def _store(connection: Connection, actor: Actor, filters: Mapping[str, Mapping[str, Any]]) -> None:
    own = preferences_of(connection.execute(select(PEOPLE.c.preferences).where(PEOPLE.c.id == actor.id)).scalar_one())
    values = asdict(replace(own, filters=filters))
    connection.execute(update(PEOPLE).where(PEOPLE.c.id == actor.id).values(preferences=values))
