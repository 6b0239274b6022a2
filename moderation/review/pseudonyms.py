"""Names of people as others see them: pseudonyms, unless the settings or the role show names."""

from __future__ import annotations

from functools import cached_property

from sqlalchemy import Connection, select

from connectors.reviewdb.models import PersonRow
from connectors.reviewdb.statements import table_of
from moderation.review.names import compared_name
from moderation.review.permissions import Actor

PEOPLE = table_of(PersonRow)
OUTSIDE = "a person outside the console"


def pseudonym(person_id: int) -> str:
    """Return the pseudonym of a person."""
    return f"Reviewer {person_id}"


def shown_name(actor: Actor, person_id: int, name: str) -> str:
    """Return a name as the actor sees it."""
    return name if actor.sees_names or person_id == actor.id else pseudonym(person_id)


def name_of(connection: Connection, actor: Actor, person_id: int) -> str:
    """Return the name of a person as the actor sees it."""
    if person_id == actor.id:
        return actor.name
    if not actor.sees_names:
        return pseudonym(person_id)
    return str(connection.scalar(select(PEOPLE.c.name).where(PEOPLE.c.id == person_id)))


class ShownNames:
    """Names in decisions as an actor sees them."""

    def __init__(self, connection: Connection, actor: Actor) -> None:
        self._actor = actor
        self._connection = connection

    def of(self, name: str) -> str:
        """Return one name; the command line records names of people whom the console does not know."""
        if self._actor.sees_names:
            return name
        person = self._people.get(compared_name(name))
        return OUTSIDE if person is None else shown_name(self._actor, person, name)

    @cached_property
    def _people(self) -> dict[str, int]:
        rows = self._connection.execute(select(PEOPLE.c.id, PEOPLE.c.name))
        return {compared_name(row.name): row.id for row in rows}
