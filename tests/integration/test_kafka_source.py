"""The Kafka source against a real broker: every record once, from where it is told, with its bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from connectors.kafka import KafkaSource, describe_partitions
from moderation.effects import Origin, Partition
from moderation.errors import SettingsError
from moderation.settings import KafkaSettings

Topics = Callable[..., str]


@contextmanager
def source(settings: KafkaSettings, positions: dict[Partition, int] | None = None) -> Iterator[KafkaSource]:
    opened = KafkaSource(settings)
    try:
        opened.seek(positions or dict.fromkeys(opened.partitions(), 0))
        opened.await_assignment(30)
        yield opened
    finally:
        opened.close()


def settings(broker: str, topic: str, **changes: object) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=broker, group_id=f"{topic}-group", posts=topic, **changes)  # type: ignore[arg-type]


def fill(broker: str, topic: str, count: int) -> None:
    producer = KafkaProducer(bootstrap_servers=broker, acks="all")
    for number in range(count):
        headers = [("n", str(number).encode())]
        producer.send(topic, key=str(number).encode(), value=b"\xff%d" % number, headers=headers)
    producer.flush(timeout=30)
    producer.close()


def read(opened: KafkaSource, count: int) -> list[Origin]:
    found: list[Origin] = []
    deadline = time.monotonic() + 30
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} records"
        found.extend(opened.poll(200))
    return found + list(opened.poll(300))


def test_every_record_comes_once_with_its_bytes_and_in_partition_order(kafka_broker: str, topics: Topics) -> None:
    topic = topics(3)
    fill(kafka_broker, topic, 300)
    with source(settings(kafka_broker, topic)) as opened:
        assert sum(end - first for first, end in opened.bounds().values()) == 300
        found = read(opened, 300)
    assert len(found) == 300
    assert {origin.value for origin in found} == {b"\xff%d" % number for number in range(300)}
    assert all(origin.headers == (("n", origin.key),) for origin in found)
    for partition in {origin.partition for origin in found}:
        offsets = [origin.offset for origin in found if origin.partition == partition]
        assert offsets == list(range(len(offsets)))
        assert len(partition.topic_id) > 10


def test_it_reads_on_from_where_it_is_told_whatever_the_group_was_told(kafka_broker: str, topics: Topics) -> None:
    topic = topics(2)
    fill(kafka_broker, topic, 100)
    with source(settings(kafka_broker, topic)) as opened:
        read(opened, 100)
        ends = {partition: end for partition, (_, end) in opened.bounds().items()}
        opened.commit(ends)
    again = {partition: end - 5 for partition, end in ends.items()}
    with source(settings(kafka_broker, topic), again) as opened:
        found = read(opened, 10)
    assert len(found) == 10
    assert all(origin.offset >= again[origin.partition] for origin in found)


def test_a_paused_partition_waits_and_goes_on(kafka_broker: str, topics: Topics) -> None:
    topic = topics(2)
    with source(settings(kafka_broker, topic)) as opened:
        held = opened.partitions()[0]
        opened.pause([held])
        fill(kafka_broker, topic, 60)
        others = sum(end for partition, (_, end) in opened.bounds().items() if partition != held)
        assert {origin.partition for origin in read(opened, others)} == set(opened.partitions()) - {held}
        opened.resume([held])
        assert {origin.partition for origin in read(opened, 60 - others)} == {held}


def test_a_recreated_topic_has_another_id(kafka_broker: str, topics: Topics) -> None:
    topic = topics(1)
    (before,) = describe_partitions(settings(kafka_broker, topic), [topic])
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
    admin.delete_topics([topic], timeout_ms=30_000)
    admin.close()
    time.sleep(1)
    topics(1, name=topic)
    (after,) = describe_partitions(settings(kafka_broker, topic), [topic])
    assert before.topic_id != after.topic_id
    assert before.cluster_id == after.cluster_id


def test_a_topic_that_does_not_exist_is_named(kafka_broker: str) -> None:
    with pytest.raises(SettingsError, match="the topic nowhere does not exist"):
        KafkaSource(settings(kafka_broker, "nowhere"))
