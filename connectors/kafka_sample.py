"""Reads the latest records of a topic, without joining a consumer group or committing offsets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from connectors.kafka import fetch_error, origin_of
from connectors.kafka_connection import connection_config
from connectors.kafka_opening import open_client
from connectors.kafka_records import read_past_damage, require_codecs
from moderation.effects import Origin, Partition
from moderation.settings import KafkaSettings

POLL_MS = 200
FETCH_BYTES = 256 * 1024
"""A larger batch is still returned separately; the default of the client is 1 MiB per partition."""


@dataclass(frozen=True)
class TopicSample:
    """Some records of one topic."""

    records: Sequence[Origin]
    offsets: int
    """Number of offsets of the log, including control records and compacted records."""
    complete: bool
    """Whether all requested records were read in time."""


def sample_topic(
    settings: KafkaSettings, partitions: Sequence[Partition], *, records: int, timeout_s: float
) -> TopicSample:
    """Return up to *records* of the latest records of one topic's partitions, within *timeout_s* seconds.

    Raises ConnectionLost where no broker answers, SettingsError where reading is not allowed.
    """
    require_codecs()
    deadline = time.monotonic() + timeout_s
    names = {TopicPartition(partition.topic, partition.partition): partition for partition in partitions}
    try:
        consumer = open_client(
            KafkaConsumer,
            group_id=None,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            isolation_level=settings.isolation_level,
            max_partition_fetch_bytes=FETCH_BYTES,
            **connection_config(settings),
        )
        try:
            read_past_damage(consumer)
            return _sample(consumer, names, records, deadline)
        finally:
            consumer.close(autocommit=False)
    except (KafkaError, OSError) as error:
        raise fetch_error(settings, error) from None


def _sample(
    consumer: KafkaConsumer, names: dict[TopicPartition, Partition], records: int, deadline: float
) -> TopicSample:
    left_ms = max(1, int(1000 * (deadline - time.monotonic())))
    first = consumer.beginning_offsets(list(names), timeout_ms=left_ms)
    end = consumer.end_offsets(list(names), timeout_ms=left_ms)
    offsets = sum(end[name] - first[name] for name in names)
    share = -(-records // len(names))
    found: list[Origin] = []
    complete = True
    # The last offsets of a log can be control records only; then it is read from its beginning.
    for begin in ({name: max(first[name], end[name] - share) for name in names}, first):
        waiting = {name for name in names if begin[name] < end[name]}
        consumer.assign(sorted(waiting))
        for name in waiting:
            consumer.seek(name, begin[name])
        while waiting and len(found) < records and (complete := time.monotonic() < deadline):
            for name, batch in consumer.poll(timeout_ms=POLL_MS, max_records=records - len(found)).items():
                found.extend(origin_of(names[name], record) for record in batch)
            waiting = {name for name in waiting if (consumer.position(name, timeout_ms=POLL_MS) or 0) < end[name]}
        if found or not complete:
            break
    return TopicSample(found, offsets, complete)
