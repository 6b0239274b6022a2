"""The lease of a pipeline, by the clock of the database, so that the clocks of hosts do not matter."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, delete, or_, select

from connectors.reviewdb.identity import digest
from connectors.reviewdb.models import LeaseRow
from connectors.reviewdb.statements import database_now, insert_into, table_of

LEASES = table_of(LeaseRow)


def acquire(connection: Connection, pipeline: str, owner: str, ttl_s: float) -> bool:
    """Acquire or renew the lease; return False while another owner has a valid lease of it or of a slot."""
    now, key = database_now(connection), digest("lease", pipeline)
    shared = select(LEASES.c.key).where(
        LEASES.c.pipeline == pipeline, LEASES.c.owner != owner, LEASES.c.key != key, LEASES.c.expires_at > now
    )
    if connection.execute(shared.limit(1)).first() is not None:
        return False
    statement = insert_into(connection, LeaseRow).values(
        key=key, pipeline=pipeline, owner=owner, expires_at=now + timedelta(seconds=ttl_s)
    )
    taken = statement.on_conflict_do_update(
        index_elements=[LEASES.c.key],
        set_={"owner": statement.excluded.owner, "expires_at": statement.excluded.expires_at},
        where=or_(LEASES.c.owner == owner, LEASES.c.expires_at <= now),
    ).returning(LEASES.c.owner)
    return connection.execute(taken).first() is not None


def release(connection: Connection, pipeline: str, owner: str) -> None:
    """Release the lease if *owner* holds it."""
    connection.execute(delete(LEASES).where(LEASES.c.key == digest("lease", pipeline), LEASES.c.owner == owner))


def holders(connection: Connection, pipeline: str) -> list[str]:
    """Return the owners of valid leases of a pipeline or of its slots."""
    now = database_now(connection)
    query = select(LEASES.c.owner).where(LEASES.c.pipeline == pipeline, LEASES.c.expires_at > now).distinct()
    return sorted(connection.scalars(query))
