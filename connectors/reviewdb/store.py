"""The sidecar's one door to the review database: flags, positions and dead letters in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select

from connectors.reviewdb import leases, ledger, outbox, retention, rows
from connectors.reviewdb.engine import at_edge, open_engine
from connectors.reviewdb.identity import post_key
from connectors.reviewdb.models import (
    AccountInReviewRow,
    AssessmentRow,
    AuditSampleRow,
    Base,
    DeletedPostRow,
    EvidenceRow,
    FlagRow,
    LabelRow,
    OutboxRecord,
)
from connectors.reviewdb.schema import require_head
from connectors.reviewdb.statements import insert_new
from moderation.effects import AuditSample, Effects, FlagRaised, Partition
from moderation.errors import ModerationError
from moderation.ports import Claim, OutboxRow


class ReviewStore:
    """`moderation.ports.Store` on SQLite or PostgreSQL.

    Nothing is connected before the first call. Every call raises ConnectionLost when the database does not answer and
    SchemaOutdated when its tables are not those of this version.
    """

    def __init__(self, url: str, *, evidence_days: int = 90) -> None:
        self.engine = open_engine(url)
        self._keep = timedelta(days=evidence_days)
        self._checked = False

    def acquire_lease(self, pipeline: str, owner: str, ttl_s: float) -> bool:
        """Take or renew the pipeline's lease; False while another owner's has not lapsed by the database's clock."""
        with self._writing() as connection:
            return leases.acquire(connection, pipeline, owner, ttl_s)

    def release_lease(self, pipeline: str, owner: str) -> None:
        """Give the lease back; nothing happens when it is not ours."""
        with self._writing() as connection:
            leases.release(connection, pipeline, owner)

    def known_topic_ids(self, pipeline: str, cluster_id: str, topic: str) -> set[str]:
        """Topic ids the ledger has positions for."""
        with self._reading() as connection:
            return ledger.known_topic_ids(connection, pipeline, cluster_id, topic)

    def claim(self, pipeline: str, owner: str, partitions: Sequence[Partition]) -> Claim:
        """Raise the fencing epoch of each partition and return it with the committed position."""
        with self._writing() as connection:
            return ledger.claim(connection, pipeline, owner, partitions, _now())

    def begin(self, claim: Claim, positions: Mapping[Partition, int]) -> None:
        """Set the position of partitions that have none; one that has a position keeps it. Raises FencedError."""
        if not positions:
            return
        with self._writing() as connection:
            ledger.hold(connection, claim, list(positions))
            ledger.begin(connection, claim, positions, _now())

    def commit(self, claim: Claim, effects: Effects) -> None:
        """Write the whole batch in one transaction; raises FencedError, with nothing written, when we are replaced.

        A ConnectionLost leaves open whether the transaction arrived: commit the same effects again.
        """
        now = _now()
        with self._writing() as connection:
            ledger.hold(connection, claim, list(effects.positions or claim.epochs))
            self._apply(connection, effects, now)
            ledger.advance(connection, claim, effects.positions, now)

    def _apply(self, connection: Connection, effects: Effects, now: datetime) -> None:
        kept: list[FlagRaised | AuditSample] = [*effects.flags, *effects.audit_samples]
        expires_at = now + self._keep
        insert_new(connection, AssessmentRow, [rows.assessment_row(item.assessment, now) for item in kept])
        insert_new(
            connection, EvidenceRow, [rows.evidence_row(item.assessment, item.evidence, expires_at) for item in kept]
        )
        insert_new(connection, FlagRow, [rows.flag_row(flag, now) for flag in effects.flags])
        insert_new(connection, AccountInReviewRow, rows.account_rows(effects.flags, now))
        insert_new(connection, AuditSampleRow, [rows.audit_row(sample, now) for sample in effects.audit_samples])
        insert_new(connection, LabelRow, [rows.label_row(label, now) for label in effects.labels])
        # A deletion without an account cannot be kept yet; the pipeline has counted it.
        owned = [deletion for deletion in effects.deletions if deletion.account_id is not None]
        insert_new(connection, DeletedPostRow, [rows.deletion_row(deletion, now) for deletion in owned])
        touched = [post_key(item.assessment.platform_id, item.assessment.post_id) for item in kept]
        touched += [post_key(deletion.platform_id, deletion.post_id) for deletion in effects.deletions]
        retention.mark_deleted(connection, touched, self._keep)
        insert_new(connection, OutboxRecord, [rows.outbox_row(letter, now) for letter in effects.dead_letters])

    def outbox(self, limit: int, logs: Collection[tuple[str, str]] | None = None) -> list[OutboxRow]:
        """Return the oldest rows that wait, few enough for memory.

        With *logs*, pairs of cluster id and topic, only letters from these.
        """
        with self._reading() as connection:
            return outbox.waiting(connection, limit, logs)

    def relayed(self, ids: Sequence[int]) -> None:
        """Mark outbox rows as sent; they may be sent again if this call is lost."""
        with self._writing() as connection:
            outbox.mark_relayed(connection, ids, _now())

    def refuse(self, ids: Sequence[int], reason: str) -> None:
        """Mark outbox rows as refused for good: they wait no longer."""
        with self._writing() as connection:
            outbox.mark_refused(connection, ids, reason, _now())

    def refuse_all(self, log: tuple[str, str], reason: str) -> int:
        """Mark all letters from a pair of cluster and topic that wait as refused; return how many."""
        with self._writing() as connection:
            return outbox.mark_log_refused(connection, log, reason, _now())

    def retry_refused(self, logs: Collection[tuple[str, str]]) -> int:
        """Let refused letters from these pairs of cluster and topic wait again; return how many."""
        with self._writing() as connection:
            return outbox.retry_refused(connection, logs)

    def unsent_letters(self) -> tuple[int, dict[str, int]]:
        """Return how many dead letters wait, and how many were refused for each reason."""
        with self._reading() as connection:
            return outbox.unsent(connection)

    def expire(self) -> int:
        """Delete evidence whose time has come; how many rows went."""
        self._require_schema()
        return retention.expire(self.engine, _now())

    def flag_counts(self) -> dict[str, int]:
        """Rows by table."""
        with self._reading() as connection:
            tables = Base.metadata.sorted_tables
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
            }

    def check(self) -> list[str]:
        """What is wrong with the database, one sentence each; empty when the store can work."""
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
        """One transaction: committed at the end, rolled back when anything is raised."""
        self._require_schema()
        with at_edge(self.engine), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """One consistent view that holds up no writer."""
        self._require_schema()
        with at_edge(self.engine), self.engine.connect().execution_options(reading=True) as connection:
            yield connection

    def _require_schema(self) -> None:
        if not self._checked:
            require_head(self.engine)
            self._checked = True


def _now() -> datetime:
    return datetime.now(UTC)
