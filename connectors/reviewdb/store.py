"""The store of the sidecar: flags, positions and dead letters in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Connection, func, select

from connectors.reviewdb import applying, leases, ledger, outbox, quota, retention, shares
from connectors.reviewdb.engine import at_edge, open_engine
from connectors.reviewdb.models import Base
from connectors.reviewdb.review_models import ThresholdRaiseRow
from connectors.reviewdb.schema import require_head
from connectors.reviewdb.statements import database_now, table_of
from moderation.effects import Effects, Partition
from moderation.errors import ModerationError
from moderation.ports import Claim, Member, OutboxRow, Shares


class ReviewStore:
    """`moderation.ports.Store` on SQLite or PostgreSQL.

    It connects at the first call. Every call raises ConnectionLost when the database does not answer and SchemaOutdated
    when its tables are not those of this version.
    """

    def __init__(self, url: str, *, evidence_days: int = 90, daily_quota: int = 0) -> None:
        self.engine = open_engine(url)
        self._keep = timedelta(days=evidence_days)
        self._daily_quota = daily_quota
        self._checked = False

    def acquire_lease(self, pipeline: str, owner: str, ttl_s: float) -> bool:
        """Acquire or renew the lease of the pipeline; return False while the lease of another owner is valid."""
        with self._writing() as connection:
            return leases.acquire(connection, pipeline, owner, ttl_s)

    def release_lease(self, pipeline: str, owner: str) -> None:
        """Release the lease; no effect when *owner* does not hold it."""
        with self._writing() as connection:
            leases.release(connection, pipeline, owner)

    def share(self, member: Member, ttl_s: float, wanted: Collection[int]) -> Shares:
        """Renew a member, acquire or renew the wanted slots that are free or its own; return what is valid then."""
        with self._writing() as connection:
            return shares.share(connection, member, ttl_s, wanted)

    def release_slots(self, member: Member, slots: Collection[int] | None) -> None:
        """Release slots of a member; with None all of them, and its membership."""
        with self._writing() as connection:
            shares.release(connection, member.pipeline, member.owner, slots)

    def known_topic_ids(self, pipeline: str, cluster_id: str, topic: str) -> set[str]:
        """Return the topic ids with positions in the ledger."""
        with self._reading() as connection:
            return ledger.known_topic_ids(connection, pipeline, cluster_id, topic)

    def claim(self, pipeline: str, owner: str, partitions: Sequence[Partition]) -> Claim:
        """Raise the fencing epoch of each partition and return it with the committed position."""
        with self._writing() as connection:
            return ledger.claim(connection, pipeline, owner, partitions, database_now(connection))

    def begin(self, claim: Claim, positions: Mapping[Partition, int]) -> None:
        """Set the position of partitions that have none; one that has a position keeps it. Raises FencedError."""
        if not positions:
            return
        with self._writing() as connection:
            ledger.hold(connection, claim, list(positions))
            ledger.begin(connection, claim, positions, database_now(connection))

    def commit(self, claim: Claim, effects: Effects) -> dict[str, int]:
        """Write the batch in one transaction and return its counters.

        Raises FencedError, with nothing written, when another sidecar has taken over. After a ConnectionLost it is
        unknown whether the transaction was committed: commit the same effects again.
        """
        with self._writing() as connection:
            now = database_now(connection)
            ledger.hold(connection, claim, list(effects.positions or claim.epochs))
            counted = applying.apply(connection, effects, now, self._keep, self._daily_quota)
            ledger.advance(connection, claim, effects.positions, now)
        return counted

    def outbox(self, limit: int, logs: Collection[tuple[str, str]] | None = None) -> list[OutboxRow]:
        """Return the oldest rows that wait, few enough for memory.

        With *logs*, pairs of cluster id and topic, only letters from these.
        """
        with self._reading() as connection:
            return outbox.waiting(connection, limit, logs)

    def relayed(self, ids: Sequence[int]) -> None:
        """Mark outbox rows as sent; they may be sent again if this call is lost."""
        with self._writing() as connection:
            outbox.mark_relayed(connection, ids, database_now(connection))

    def refuse(self, ids: Sequence[int], reason: str) -> None:
        """Mark outbox rows as refused for good: they wait no longer."""
        with self._writing() as connection:
            outbox.mark_refused(connection, ids, reason, database_now(connection))

    def refuse_all(self, log: tuple[str, str], reason: str) -> int:
        """Mark all letters from a pair of cluster and topic that wait as refused; return how many."""
        with self._writing() as connection:
            return outbox.mark_log_refused(connection, log, reason, database_now(connection))

    def retry_refused(self, logs: Collection[tuple[str, str]]) -> int:
        """Let refused letters from these pairs of cluster and topic wait again; return how many."""
        with self._writing() as connection:
            return outbox.retry_refused(connection, logs)

    def unsent_letters(self) -> tuple[int, dict[str, int]]:
        """Return how many dead letters wait, and how many were refused for each reason."""
        with self._reading() as connection:
            return outbox.unsent(connection)

    def outbox_age_s(self, logs: Collection[tuple[str, str]] | None = None) -> float:
        """Return the age in seconds of the oldest letter that waits or was refused; 0 without one."""
        with self._reading() as connection:
            recorded, now = outbox.oldest_unsent(connection, logs), database_now(connection)
        return 0.0 if recorded is None else max(0.0, (now - recorded).total_seconds())

    def quota_remaining(self) -> int | None:
        """Return how many accounts may still enter the queue today; None without a quota."""
        if not self._daily_quota:
            return None
        with self._reading() as connection:
            return max(0, self._daily_quota - quota.taken(connection, database_now(connection)))

    def raised_thresholds(self, platform_id: str) -> dict[tuple[str, str], float]:
        """Return the raised threshold of each risk bundle that has one, by the hash of its manifest and the policy."""
        raised = table_of(ThresholdRaiseRow).c
        bundle = (raised.risk_version, raised.policy)
        query = select(*bundle, func.max(raised.threshold)).group_by(*bundle)
        query = query.where(raised.ended_at.is_(None), raised.platform_id == platform_id)
        with self._reading() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(query)}

    def expire(self) -> int:
        """Delete expired evidence and records of dead letters; return the number of rows.

        By the clock of the database, as all times here: a wrong clock of a host would delete evidence too early.
        """
        with self._reading() as connection:
            now = database_now(connection)
        return retention.expire(self.engine, now, self._keep)

    def flag_counts(self) -> dict[str, int]:
        """Return the number of rows by table."""
        with self._reading() as connection:
            tables = Base.metadata.sorted_tables
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
            }

    def check(self) -> list[str]:
        """Return the problems of the database, one sentence each; empty when there is none."""
        try:
            require_head(self.engine)
        except ModerationError as error:
            return [str(error)]
        return []

    def close(self) -> None:
        """Close all connections. Safe to call twice."""
        self.engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Yield the connection of one transaction: committed at the end, rolled back on an exception."""
        self._require_schema()
        with at_edge(self.engine), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """Yield a connection with a consistent view that blocks no writer."""
        self._require_schema()
        with at_edge(self.engine), self.engine.connect().execution_options(reading=True) as connection:
            yield connection

    def _require_schema(self) -> None:
        if not self._checked:
            require_head(self.engine)
            self._checked = True
