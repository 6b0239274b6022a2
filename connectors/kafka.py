"""A group of Kafka topics as one source: the partitions of a consumer group, read from the ledger's positions."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import (
    AuthorizationError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from kafka.structs import OffsetAndMetadata

from connectors.kafka_connection import TIMEOUT_MS, connection_config, describe_partitions
from connectors.kafka_diagnosis import no_broker
from connectors.kafka_opening import open_client
from connectors.kafka_records import UnreadableHeaders, free_parked_records, read_past_damage, require_codecs
from moderation.effects import Origin, Partition
from moderation.errors import ConnectionLost, PositionError, RecordsExpired, SettingsError
from moderation.settings import KafkaSettings

log = logging.getLogger(__name__)

COMMIT_TIMEOUT_MS = 10_000
POSITION_TIMEOUT_MS = 100
METADATA_MAX_AGE_MS = 5_000
"""An assignment from incomplete metadata is corrected after this time; the default of the client is five minutes."""
PARTIAL_S = 15.0
"""After an outage the leader of the group may assign some topics first, so that a partial assignment can be brief."""


def origin_of(partition: Partition, record: Any) -> Origin:
    """Return a record of the client with its origin."""
    return Origin(
        partition,
        record.offset,
        record.timestamp if record.timestamp >= 0 else None,  # -1: the record has none
        record.key,
        record.value,
        tuple((key, value) for key, value in record.headers or ()),
        record.headers.reason if isinstance(record.headers, UnreadableHeaders) else None,
    )


def fetch_error(settings: KafkaSettings, error: Exception) -> ConnectionLost | PositionError | SettingsError:
    """Return the error for an operator that corresponds to an error of a fetch."""
    if isinstance(error, (OffsetOutOfRangeError, NoOffsetForPartitionError)):
        return RecordsExpired(
            f"the next record of {_named(error)} is no longer in the log: it expired or was deleted unread"
        )
    if isinstance(error, AuthorizationError):
        return SettingsError(
            f"the broker at {settings.bootstrap_servers} does not allow this ({type(error).__name__}: {error}); "
            f"the user {settings.sasl_username or 'of the sidecar'} must be allowed to read the topics "
            f"{', '.join(sorted(set(settings.topics().values())))} and the consumer group {settings.group_id}"
        )
    if isinstance(error, KafkaError) and not isinstance(error, (KafkaConnectionError, KafkaTimeoutError)):
        return ConnectionLost(
            f"the broker at {settings.bootstrap_servers} returned an error ({type(error).__name__}: {error})"
        )
    return no_broker(settings, error)


def _named(error: Exception) -> str:
    """Return the topics and partitions in an error of kafka-python: one, several, or a mapping of them."""
    found = error.args[0] if error.args else ()
    names = [found] if isinstance(found, TopicPartition) else found
    try:
        return ", ".join(f"{name.topic}/{name.partition}" for name in names) or "a partition"
    except (TypeError, AttributeError):
        return str(found)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python carries no types
    """Seeks a newly assigned partition to the position of this process; kafka-python would use the group offset."""

    def __init__(self, source: KafkaSource) -> None:
        self._source = source

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002  # the name is the client's
        """Note the rebalance. Uncommitted records are committed later or fenced. Also called after losing the group."""
        self._source.note_rebalance()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Seek the assigned partitions. Runs inside `poll`: seeking is allowed, committing is not."""
        self._source.reposition(assigned)


class KafkaSource:
    """Records of all partitions of the configured topics, in offset order within each partition."""

    def __init__(self, settings: KafkaSettings) -> None:
        require_codecs()
        self._settings = settings
        self._partitions = describe_partitions(settings, settings.topics().values())
        self._by_name = {TopicPartition(p.topic, p.partition): p for p in self._partitions}
        self._next: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._assigned: set[TopicPartition] = set()
        self._assigned_at = 0.0
        self._rebalancing = True
        self._complete = False
        self._early: list[Origin] = []
        self._paused: set[TopicPartition] = set()
        self._uncommitted: dict[TopicPartition, int] = {}
        try:
            self._consumer = open_client(
                KafkaConsumer,
                group_id=settings.group_id,
                auto_offset_reset="none",
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                session_timeout_ms=settings.session_timeout_ms,
                heartbeat_interval_ms=min(3000, settings.session_timeout_ms // 3),
                max_poll_records=settings.max_poll_records,
                isolation_level=settings.isolation_level,
                metadata_max_age_ms=METADATA_MAX_AGE_MS,
                **connection_config(settings),
            )
        except (KafkaError, OSError) as error:
            raise no_broker(settings, error) from None
        read_past_damage(self._consumer)

    @property
    def ended(self) -> bool:
        """Always False: a topic has no end."""
        return False

    def partitions(self) -> list[Partition]:
        """Return all partitions of all topics."""
        return list(self._partitions)

    def bounds(self) -> dict[Partition, tuple[int, int]]:
        """Return the first offset in the log and its end.

        The end includes records of open transactions at every isolation level, because the position of a ledger that
        was written with `read_uncommitted` may lie among them.
        """
        names = list(self._by_name)
        try:
            admin = open_client(KafkaAdminClient, **connection_config(self._settings))
            try:
                first = admin.list_partition_offsets(dict.fromkeys(names, OffsetSpec.EARLIEST), timeout_ms=TIMEOUT_MS)
                end = admin.list_partition_offsets(dict.fromkeys(names, OffsetSpec.LATEST), timeout_ms=TIMEOUT_MS)
            finally:
                admin.close()
        except (KafkaError, OSError) as error:
            raise no_broker(self._settings, error) from None
        self._ends = {name: end[name].offset for name in names}
        return {self._by_name[name]: (first[name].offset, end[name].offset) for name in names}

    def seek(self, positions: Mapping[Partition, int]) -> None:
        """Join the group and read from these positions once partitions are assigned; later calls only seek."""
        self._early.clear()
        self._next = {TopicPartition(p.topic, p.partition): offset for p, offset in positions.items()}
        if self._consumer.subscription() is None:
            topics = sorted({partition.topic for partition in self._partitions})
            for topic in topics:
                # Requested first, because a leader without metadata of a topic assigns none of its partitions.
                self._consumer.partitions_for_topic(topic)
            self._consumer.subscribe(topics=topics, listener=_Listener(self))
        else:
            self._seek_assigned()

    def reposition(self, assigned: Iterable[TopicPartition]) -> None:
        """Seek each assigned partition to the next unread record.

        Never raises, because kafka-python ignores exceptions of its listener. `_fetch` checks the assignment.
        """
        self._assigned_at = time.monotonic()
        self._assigned = set(assigned)
        self._seek_assigned()
        self._rebalancing = False  # last: this may run in the thread of the client, concurrently with `_require_all`

    def note_rebalance(self) -> None:
        """Note that the group revoked the partitions; their assignment is unknown until the rebalance ends."""
        self._rebalancing = True  # first, for the same reason
        self._assigned = set()

    def _seek_assigned(self) -> None:
        for name in self._assigned & self._next.keys():
            self._consumer.seek(name, self._next[name])

    def await_assignment(self, timeout_s: float) -> None:
        """Wait until the group has assigned every partition to this process. Raises PositionError on timeout."""
        deadline = time.monotonic() + timeout_s
        while self._assigned != set(self._by_name):
            if time.monotonic() > deadline:
                raise PositionError(
                    f"the consumer group {self._settings.group_id} assigned this process {len(self._assigned)} of "
                    f"{len(self._by_name)} partitions in {timeout_s:.0f} s; the in-memory state needs all of them. "
                    "Stop the other members of the group, or choose another kafka.group_id."
                )
            self._early.extend(self._fetch(50))  # the client joins the group inside poll
        self._complete = True

    def poll(self, timeout_ms: int) -> Sequence[Origin]:
        """Return the records fetched since the last call."""
        if self._early:
            early, self._early = self._early, []
            return early
        return self._fetch(timeout_ms)

    def _fetch(self, timeout_ms: int) -> list[Origin]:
        free_parked_records(self._consumer)
        self._apply_paused()
        try:
            fetched = self._consumer.poll(timeout_ms=timeout_ms)
        except (KafkaError, OSError) as error:
            self._require_known()
            raise fetch_error(self._settings, error) from None
        self._finish_rejoin()
        self._require_known()
        self._require_all()
        records: list[Origin] = []
        for name, batch in fetched.items():
            partition = self._by_name[name]
            for record in batch:
                if record.offset < self._next[name]:
                    continue
                self._next[name] = record.offset + 1
                records.append(origin_of(partition, record))
        return records

    def positions(self) -> dict[Partition, int]:
        """Return the next positions of assigned partitions, beyond control records and aborted transactions too."""
        found: dict[Partition, int] = {}
        if self._early or self._rebalancing:
            return found
        for name in self._assigned & self._next.keys():
            try:
                position = self._consumer.position(name, timeout_ms=POSITION_TIMEOUT_MS)
            except (KafkaError, OSError):
                continue  # the next poll raises the error
            self._next[name] = max(self._next[name], position or 0)
            found[self._by_name[name]] = self._next[name]
        return found

    def unread(self) -> set[Partition]:
        """Return the partitions whose log continues, by its end at the start or in the latest answer of the broker.

        Those without a connection to a broker that leads them count too, because their end is not known.
        """
        if not self._rebalancing:
            for name in self._assigned & self._by_name.keys():
                with suppress(KafkaError):  # no longer assigned
                    self._ends[name] = max(self._ends.get(name, 0), self._consumer.highwater(name) or 0)
        unread = self._before_end()
        if unread:
            self.positions()  # control records may be all that is left
        early = {record.partition for record in self._early}  # fetched while the group assigned partitions
        return early | {self._by_name[name] for name in (unread & self._before_end()) | self._out_of_reach()}

    def ends(self) -> dict[Partition, int]:
        """Return the known end of the log of each assigned partition; `unread` brings it up to date."""
        if self._rebalancing:
            return {}
        return {self._by_name[name]: self._ends.get(name, 0) for name in self._assigned & self._by_name.keys()}

    def _before_end(self) -> set[TopicPartition]:
        return {name for name, position in self._next.items() if position < self._ends.get(name, 0)}

    def _out_of_reach(self) -> set[TopicPartition]:
        """Return the assigned partitions without a connection to their leader: polls return nothing and no error."""
        client = self._consumer._client
        leaders = {name: client.cluster.leader_for_partition(name) for name in self._assigned & self._by_name.keys()}
        return {name for name, leader in leaders.items() if leader is None or not client.connected(leader)}

    def _finish_rejoin(self) -> None:
        """Let the next poll finish a rejoin that a poll did not finish.

        A leader that rebalances because the metadata of a topic changed stores the new metadata at once. kafka-python
        (3.0.12) decides only by this metadata whether a rejoin is needed, so that after an unfinished poll the next one
        does not continue it: no partition is ever assigned, no record fetched, no heartbeat sent.
        """
        coordinator = self._consumer._coordinator
        if coordinator.rejoining and not coordinator.rejoin_needed:
            coordinator.request_rejoin()

    def _require_known(self) -> None:
        """Raise PositionError when a topic has a partition that it did not have at the start."""
        for name in sorted(self._assigned - self._by_name.keys()):
            raise PositionError(f"the topic {name.topic} has a new partition {name.partition}; restart to read it")

    def _require_all(self) -> None:
        """Raise PositionError when the group assigned partitions of this process to another member.

        During a rebalance, or while no broker answers, the assignment is unknown. A partial or empty assignment can be
        temporary after an outage, so that it is an error only after some time.
        """
        assigned = self._assigned
        missing = sorted(self._by_name.keys() - assigned)
        if not missing or self._rebalancing or not self._complete:
            return
        lasted_s = time.monotonic() - self._assigned_at
        if lasted_s > (PARTIAL_S if assigned else self._settings.session_timeout_ms / 1000):
            raise PositionError(
                f"another member of the consumer group {self._settings.group_id} took {len(missing)} of "
                f"{len(self._by_name)} partitions, such as {missing[0].topic}/{missing[0].partition}; the in-memory "
                "state needs all of them. Stop the other members of the group, or choose another kafka.group_id."
            )

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Stop fetching from these until `resume`, because their records wait for other partitions."""
        self._paused.update(TopicPartition(p.topic, p.partition) for p in partitions)

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Resume fetching from these."""
        self._paused.difference_update(TopicPartition(p.topic, p.partition) for p in partitions)

    def _apply_paused(self) -> None:
        """Pause and resume in the client what differs from the wanted partitions.

        Before every poll, because a rebalance may clear what is paused, and nothing can be resumed while it lasts.
        """
        assigned, paused = self._consumer.assignment(), self._consumer.paused()
        with suppress(KeyError):  # revoked meanwhile, by the thread of the client; the next poll repeats this
            self._consumer.pause(*((self._paused & assigned) - paused))
            self._consumer.resume(*(paused - self._paused))

    def commit(self, positions: Mapping[Partition, int]) -> None:
        """Commit offsets to the group, for lag displays only; a failure is logged and not raised.

        Offsets that could not be committed, such as during a rebalance, are committed with the next call.
        """
        self._uncommitted.update((TopicPartition(p.topic, p.partition), offset) for p, offset in positions.items())
        offsets = {name: OffsetAndMetadata(offset, "", -1) for name, offset in self._uncommitted.items()}
        try:
            self._consumer.commit(offsets, timeout_ms=COMMIT_TIMEOUT_MS)
        except KafkaError as error:
            log.warning("offset hint not committed: %s", type(error).__name__)
        else:
            self._uncommitted.clear()

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close(autocommit=False)
