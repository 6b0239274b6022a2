"""The ledger: the committed position of each partition, updated by compare-and-set on a fencing epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, or_, select, update

from connectors.reviewdb.identity import partition_key
from connectors.reviewdb.models import LedgerRow
from connectors.reviewdb.statements import insert_into, table_of
from moderation.effects import Partition
from moderation.errors import FencedError
from moderation.ports import Claim

LEDGER = table_of(LedgerRow)


def known_topic_ids(connection: Connection, pipeline: str, cluster_id: str, topic: str) -> set[str]:
    """Return the topic ids of this topic that have a position."""
    query = select(LEDGER.c.topic_id).where(
        LEDGER.c.pipeline == pipeline,
        LEDGER.c.cluster_id == cluster_id,
        LEDGER.c.topic == topic,
        LEDGER.c.position.is_not(None),
    )
    return set(connection.scalars(query))


def claim(connection: Connection, pipeline: str, owner: str, partitions: Sequence[Partition], now: datetime) -> Claim:
    """Increase the epoch of each partition by one, which fences its previous owner."""
    epochs: dict[Partition, int] = {}
    positions: dict[Partition, int | None] = {}
    for key, partition in _by_key(pipeline, partitions):
        statement = insert_into(connection, LedgerRow).values(
            key=key,
            pipeline=pipeline,
            cluster_id=partition.cluster_id,
            topic=partition.topic,
            topic_id=partition.topic_id,
            partition=partition.partition,
            position=None,
            epoch=1,
            owner=owner,
            updated_at=now,
        )
        raised = statement.on_conflict_do_update(
            index_elements=[LEDGER.c.key],
            set_={"epoch": LEDGER.c.epoch + 1, "owner": statement.excluded.owner, "updated_at": now},
        ).returning(LEDGER.c.epoch, LEDGER.c.position)
        epochs[partition], positions[partition] = connection.execute(raised).one()
    return Claim(pipeline, owner, epochs, positions)


def hold(connection: Connection, held: Claim, partitions: Sequence[Partition]) -> None:
    """Lock the rows of the partitions until the transaction ends. Raises FencedError when an epoch has changed.

    A claim by another owner waits for the lock, so that it sees either none of this transaction or all of it.
    """
    wanted = dict(_by_key(held.pipeline, partitions))
    query = select(LEDGER.c.key, LEDGER.c.epoch, LEDGER.c.owner)
    query = query.where(LEDGER.c.key.in_(wanted)).order_by(LEDGER.c.key).with_for_update()
    found = {key: (epoch, owner) for key, epoch, owner in connection.execute(query)}
    for key, partition in wanted.items():
        epoch, owner = found.get(key, (None, None))
        if epoch is None or epoch != held.epochs.get(partition):
            raise FencedError(
                f"partition {partition.partition} of {partition.topic} now belongs to {owner or 'no owner'}; "
                f"{held.owner} has written nothing of this batch and must stop"
            )


def begin(connection: Connection, held: Claim, positions: Mapping[Partition, int], now: datetime) -> None:
    """Set the position of partitions that have none."""
    statement = (
        update(LEDGER)
        .where(LEDGER.c.key == bindparam("at_key"), LEDGER.c.position.is_(None))
        .values(position=bindparam("first_position"), updated_at=bindparam("now"))
    )
    rows = _by_key(held.pipeline, list(positions))
    connection.execute(statement, [{"at_key": key, "first_position": positions[p], "now": now} for key, p in rows])


def advance(connection: Connection, held: Claim, positions: Mapping[Partition, int], now: datetime) -> None:
    """Move positions forward where the epoch matches; a position that is already further stays."""
    if not positions:
        return
    statement = (
        update(LEDGER)
        .where(
            LEDGER.c.key == bindparam("at_key"),
            LEDGER.c.epoch == bindparam("our_epoch"),
            or_(LEDGER.c.position.is_(None), LEDGER.c.position < bindparam("next_position")),
        )
        .values(position=bindparam("next_position"), updated_at=bindparam("now"))
    )
    connection.execute(
        statement,
        [
            {"at_key": key, "our_epoch": held.epochs[p], "next_position": positions[p], "now": now}
            for key, p in _by_key(held.pipeline, list(positions))
        ],
    )


def _by_key(pipeline: str, partitions: Sequence[Partition]) -> list[tuple[str, Partition]]:
    """Return the partitions in a fixed order, which prevents deadlocks between writers."""
    return sorted((partition_key(pipeline, partition), partition) for partition in partitions)
