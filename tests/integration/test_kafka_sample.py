"""The latest records of a topic are read from a real broker without a consumer group."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kafka import KafkaProducer

from connectors.kafka_sample import latest_records
from moderation.errors import SettingsError
from moderation.settings import KafkaSettings

Topics = Callable[..., str]


def test_latest_records_come_from_all_partitions_with_key_headers_and_time(kafka_broker: str, topics: Topics) -> None:
    topic = topics(2)
    producer = KafkaProducer(bootstrap_servers=kafka_broker)
    for number in range(20):
        producer.send(
            topic,
            b"%d" % number,
            key=b"k",
            headers=[("h", b"v")],
            timestamp_ms=1_772_445_600_000 + number,
            partition=number % 2,
        )
    producer.flush()
    producer.close()
    settings = KafkaSettings(bootstrap_servers=kafka_broker)
    found = latest_records(settings, topic, 6)
    assert sorted(int(origin.value or b"") for origin in found) == [14, 15, 16, 17, 18, 19]
    first = min(found, key=lambda origin: int(origin.value or b""))
    assert (first.key, first.headers, first.timestamp_ms) == (b"k", (("h", b"v"),), 1_772_445_600_014)
    assert len(latest_records(settings, topic, 100)) == 20


def test_latest_records_of_an_empty_or_unknown_topic(kafka_broker: str, topics: Topics) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka_broker)
    assert latest_records(settings, topics(1), 5) == []
    with pytest.raises(SettingsError, match="does not exist"):
        latest_records(settings, "no-such-topic", 5)
