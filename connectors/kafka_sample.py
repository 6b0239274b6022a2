"""The latest records of a topic, read without a consumer group and without leaving a trace."""

from __future__ import annotations

import time
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from connectors.kafka import connection_config, describe_partitions
from connectors.kafka_opening import open_client
from moderation.effects import Origin
from moderation.errors import ConnectionLost
from moderation.settings import KafkaSettings

SILENCE_S = 10.0
"""Reading ends when no record comes for this long: compaction and control records leave gaps before the end."""


def latest_records(settings: KafkaSettings, topic: str, limit: int) -> list[Origin]:
    """Return up to *limit* of the latest records, evenly from all partitions.

    Raises ConnectionLost when no broker answers, SettingsError when the topic does not exist.
    """
    partitions = {TopicPartition(p.topic, p.partition): p for p in describe_partitions(settings, [topic])}
    try:
        consumer = open_client(
            KafkaConsumer,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **connection_config(settings),
        )
        try:
            return [
                Origin(
                    partitions[TopicPartition(record.topic, record.partition)],
                    record.offset,
                    record.timestamp if record.timestamp >= 0 else None,
                    record.key,
                    record.value,
                    tuple((key, value) for key, value in record.headers or ()),
                )
                for record in _fetch(consumer, list(partitions), limit)
            ]
        finally:
            consumer.close()
    except (KafkaError, OSError) as error:
        raise ConnectionLost(f"the topic {topic} cannot be read: {error}") from None


def _fetch(consumer: Any, names: list[TopicPartition], limit: int) -> list[Any]:
    consumer.assign(names)
    first, end = consumer.beginning_offsets(names), consumer.end_offsets(names)
    each = -(-limit // len(names))
    waiting = {}
    for name in names:
        start = max(first[name], end[name] - each)
        consumer.seek(name, start)
        if start < end[name]:
            waiting[name] = end[name]
    found: list[Any] = []
    heard = time.monotonic()
    while waiting and time.monotonic() - heard < SILENCE_S:
        for name, records in consumer.poll(timeout_ms=200).items():
            heard = time.monotonic()
            found += [record for record in records if record.offset < end[name]]
        for name in list(waiting):
            if consumer.position(name) >= waiting[name]:
                del waiting[name]
    return found[:limit]
