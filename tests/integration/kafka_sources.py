"""Opens and reads Kafka sources for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kafka import KafkaProducer

from connectors.kafka import KafkaSource
from moderation.effects import Origin, Partition
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


def read(opened: KafkaSource, count: int, within_s: float = 120) -> list[Origin]:
    found: list[Origin] = []
    deadline = time.monotonic() + within_s
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} records"
        found.extend(opened.poll(200))
    return found + list(opened.poll(300))
