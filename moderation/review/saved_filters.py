"""Filters of the queue that a person saves under a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Engine

from connectors.reviewdb.engine import at_edge
from moderation.review.permissions import Actor
from moderation.review.preferences import locked_preferences, store_preferences
from moderation.review.queue import QueueFilter
from moderation.review.refusals import InvalidValue

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
        stored = locked_preferences(connection, actor.id)
        filters = {**stored.filters, name: {key: value for key, value in asdict(wanted).items() if value}}
        if len(filters) > MOST_FILTERS:
            raise InvalidValue(f"a person can save {MOST_FILTERS} filters; remove one first")
        store_preferences(connection, actor.id, replace(stored, filters=filters))
    return _saved(name, filters[name])


def remove_filter(engine: Engine, actor: Actor, name: str) -> None:
    """Remove a filter, where there is one with this name."""
    with at_edge(engine), engine.begin() as connection:
        stored = locked_preferences(connection, actor.id)
        filters = {key: value for key, value in stored.filters.items() if key != name}
        store_preferences(connection, actor.id, replace(stored, filters=filters))


def _saved(name: str, stored: Mapping[str, Any]) -> SavedFilter:
    return SavedFilter(name, str(stored["view"]), stored.get("family"), stored.get("min_risk"))
