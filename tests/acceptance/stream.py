"""Puts a file of events onto real topics, as a platform would: by kind, keyed by account, in event-time order."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kafka import KafkaConsumer, KafkaProducer, TopicPartition


@dataclass(frozen=True)
class Topics:
    """Names of the four topics of one test."""

    posts: str
    follows: str
    deletions: str
    labels: str

    def of(self, kind: str) -> str:
        """The topic of a kind of event."""
        return {"post": self.posts, "follow": self.follows, "deletion": self.deletions, "label": self.labels}[kind]


@dataclass
class Produced:
    """What was put on the topics: how many records, and where each bad record landed with its bytes."""

    records: int = 0
    bad: dict[tuple[str, int, int], bytes] = field(default_factory=dict)


def produce(bootstrap: str, topics: Topics, lines: Iterable[bytes]) -> Produced:
    """Send every line; one that is no JSON object with a known type goes to the posts topic as it is."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=20)
    produced = Produced()
    pending = []
    try:
        for number, line in enumerate(lines):
            topic, key, bad = _place(topics, line, number)
            pending.append((producer.send(topic, value=line, key=key), line, bad))
            produced.records += 1
        producer.flush(timeout=60)
        for future, line, bad in pending:
            placed = future.get(timeout=60)
            if bad:
                produced.bad[(placed.topic, placed.partition, placed.offset)] = line
    finally:
        producer.close()
    return produced


def _place(topics: Topics, line: bytes, number: int) -> tuple[str, bytes, bool]:
    try:
        event = json.loads(line)
    except ValueError:
        return topics.posts, str(number).encode(), True
    if not isinstance(event, dict) or event.get("expect") == "dead letter":
        return topics.posts, str(number).encode(), True
    key = str(event.get("account_id") or event.get("post_id"))
    return topics.of(event.get("type", "post")), key.encode(), False


def read_all(bootstrap: str, topic: str) -> list[tuple[dict[str, bytes], bytes]]:
    """Headers and value of every record of a topic."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False, group_id=None
    )
    try:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        consumer.seek_to_beginning(*partitions)
        found: list[tuple[dict[str, bytes], bytes]] = []
        deadline = time.monotonic() + 60
        while any(consumer.position(partition, timeout_ms=10_000) < ends[partition] for partition in partitions):
            assert time.monotonic() < deadline, f"{topic} gave {len(found)} records in a minute, and has more"
            for batch in consumer.poll(timeout_ms=500).values():
                found.extend((dict(record.headers), record.value) for record in batch)
        return found
    finally:
        consumer.close()


def group_offsets(bootstrap: str, group: str, topic: str, partitions: int) -> Mapping[int, int]:
    """The group's committed offset by partition, 0 where there is none."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    try:
        return {
            number: consumer.committed(TopicPartition(topic, number), timeout_ms=10_000) or 0
            for number in range(partitions)
        }
    finally:
        consumer.close(autocommit=False)
