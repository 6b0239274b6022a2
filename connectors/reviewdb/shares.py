"""How the sidecars of one pipeline share its slots: leases of slots, and of members, which show who is alive.

All are rows of the table of leases under the name of the pipeline, told apart by their keys, and by the clock of the
database.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, or_, select

from connectors.reviewdb.identity import digest
from connectors.reviewdb.models import LeaseRow
from connectors.reviewdb.statements import database_now, insert_into, table_of
from moderation.ports import Member, Shares

LEASES = table_of(LeaseRow)


def share(connection: Connection, member: Member, ttl_s: float, wanted: Collection[int]) -> Shares:
    """Renew the membership of an owner, acquire or renew the slots that are free or its own; return what is valid."""
    pipeline, owner, slots = member
    now = database_now(connection)
    expired = (LEASES.c.pipeline == pipeline, LEASES.c.expires_at <= now)
    connection.execute(delete(LEASES).where(*expired))
    _acquire(connection, _member(pipeline, owner), (pipeline, owner), now, ttl_s)
    for slot in sorted(wanted):
        _acquire(connection, _slot(pipeline, slot), (pipeline, owner), now, ttl_s)
    query = select(LEASES.c.key, LEASES.c.owner).where(LEASES.c.pipeline == pipeline, LEASES.c.expires_at > now)
    rows = {row.key: row.owner for row in connection.execute(query)}
    members = {of for key, of in rows.items() if key == _member(pipeline, of)}
    return Shares(
        frozenset(members),
        {slot: rows[key] for slot in range(slots) if (key := _slot(pipeline, slot)) in rows},
        rows.get(digest("lease", pipeline)),
    )


def _acquire(connection: Connection, key: str, names: tuple[str, str], now: datetime, ttl_s: float) -> None:
    pipeline, owner = names
    statement = insert_into(connection, LeaseRow).values(
        key=key, pipeline=pipeline, owner=owner, expires_at=now + timedelta(seconds=ttl_s)
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[LEASES.c.key],
            set_={"owner": statement.excluded.owner, "expires_at": statement.excluded.expires_at},
            where=or_(LEASES.c.owner == owner, LEASES.c.expires_at <= now),
        )
    )


def release(connection: Connection, pipeline: str, owner: str, slots: Collection[int] | None) -> None:
    """Release slots of an owner; with None all of them, and its membership."""
    mine = (LEASES.c.pipeline == pipeline, LEASES.c.owner == owner)
    if slots is None:
        connection.execute(delete(LEASES).where(*mine))
    else:
        connection.execute(delete(LEASES).where(*mine, LEASES.c.key.in_([_slot(pipeline, slot) for slot in slots])))


def _member(pipeline: str, owner: str) -> str:
    return digest("lease", pipeline, "member", owner)


def _slot(pipeline: str, slot: int) -> str:
    return digest("lease", pipeline, "slot", slot)
