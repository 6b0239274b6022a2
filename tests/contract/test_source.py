"""What the loop relies on of every source: Kafka by group, Kafka by slots, and files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from connectors.jsonl import JsonlSource
from connectors.kafka import KafkaSource
from connectors.kafka_shared import SharedKafkaSource
from moderation.effects import Origin, Partition
from moderation.errors import PositionError
from moderation.ports import Source
from moderation.settings import KafkaSettings

VALUES = [b'{"n": %d}' % number for number in range(7)]
WAIT_S = 60


@dataclass(frozen=True)
class Opened:
    """A source with what it must return, by number of partition."""

    source: Source
    values: dict[int, list[bytes]]

    @property
    def partitions(self) -> list[Partition]:
        return sorted(self.source.partitions())

    def read(self, count: int) -> list[Origin]:
        """Poll until there are this many records."""
        found: list[Origin] = []
        deadline = time.monotonic() + WAIT_S
        while len(found) < count:
            assert time.monotonic() < deadline, found
            found.extend(self.source.poll(50))
        return found

    def from_the_start(self) -> list[Origin]:
        """Seek to the first records and read all."""
        self.seek(dict.fromkeys(self.partitions, 0))
        return self.read(sum(len(values) for values in self.values.values()))

    def seek(self, positions: dict[Partition, int]) -> None:
        self.source.seek(positions)
        self.source.await_assignment(WAIT_S)


def kafka_settings(broker: str, topic: str) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=broker, posts=topic, group_id=f"{topic}-group", session_timeout_ms=6000)


@pytest.fixture(params=["file", "kafka", "kafka of slots"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """A source with seven records."""
    if request.param == "file":
        file = tmp_path / "records.jsonl"
        file.write_bytes(b"\n".join(VALUES) + b"\n")
        found = Opened(JsonlSource(file, max_records=3), {0: VALUES})
    else:
        broker: str = request.getfixturevalue("kafka_broker")
        topics: Callable[..., str] = request.getfixturevalue("topics")
        topic = topics(2)
        producer = KafkaProducer(bootstrap_servers=[broker], acks="all")
        for number, value in enumerate(VALUES):
            producer.send(topic, value=value, partition=number % 2)
        producer.close()
        kind = KafkaSource if request.param == "kafka" else SharedKafkaSource
        found = Opened(kind(kafka_settings(broker, topic)), {0: VALUES[0::2], 1: VALUES[1::2]})
    yield found
    found.source.close()


def by_partition(records: list[Origin]) -> dict[int, list[tuple[int, bytes | None]]]:
    """Offset and value of records, in the order in which they came."""
    found: dict[int, list[tuple[int, bytes | None]]] = {}
    for record in records:
        found.setdefault(record.partition.partition, []).append((record.offset, record.value))
    return found


def test_bounds_are_the_first_offset_and_the_one_after_the_last(opened: Opened) -> None:
    assert {p.partition: bounds for p, bounds in opened.source.bounds().items()} == {
        number: (0, len(values)) for number, values in opened.values.items()
    }


def test_records_come_once_unchanged_and_in_the_order_of_their_offsets(opened: Opened) -> None:
    opened.source.bounds()
    records = opened.from_the_start()
    assert by_partition(records) == {number: list(enumerate(values)) for number, values in opened.values.items()}
    assert {record.partition for record in records} == set(opened.partitions)
    assert list(opened.source.poll(0)) == []


def test_after_a_seek_the_same_records_come_again_from_there(opened: Opened) -> None:
    opened.source.bounds()
    opened.from_the_start()
    opened.seek({p: len(opened.values[p.partition]) - 2 for p in opened.partitions})
    again = by_partition(opened.read(2 * len(opened.partitions)))
    assert again == {number: list(enumerate(values))[-2:] for number, values in opened.values.items()}


def test_partitions_are_unread_until_their_end_was_returned(opened: Opened) -> None:
    opened.source.bounds()
    opened.seek(dict.fromkeys(opened.partitions, 0))
    assert opened.source.unread() == set(opened.partitions)
    opened.read(len(VALUES))
    deadline = time.monotonic() + WAIT_S
    while opened.source.unread():
        assert time.monotonic() < deadline
        opened.source.poll(50)
    ends = {p: len(opened.values[p.partition]) for p in opened.partitions}
    assert opened.source.positions() == ends


def test_a_commit_is_a_hint_that_does_not_change_what_is_read(opened: Opened) -> None:
    opened.source.bounds()
    first = opened.from_the_start()
    opened.source.commit(dict.fromkeys(opened.partitions, 1))
    assert sorted(by_partition(opened.from_the_start()).items()) == sorted(by_partition(first).items())


def test_pause_and_resume_lose_no_record(opened: Opened) -> None:
    opened.source.bounds()
    opened.seek(dict.fromkeys(opened.partitions, 0))
    opened.source.pause(opened.partitions[:1])
    some = list(opened.source.poll(200))
    opened.source.resume(opened.partitions[:1])
    records = [*some, *opened.read(len(VALUES) - len(some))]
    assert by_partition(records) == {number: list(enumerate(values)) for number, values in opened.values.items()}


def test_close_is_safe_twice(opened: Opened) -> None:
    opened.source.close()
    opened.source.close()


def test_a_source_of_slots_reads_only_the_partitions_that_are_sought(
    kafka_broker: str, topics: Callable[..., str]
) -> None:
    topic = topics(2)
    producer = KafkaProducer(bootstrap_servers=[kafka_broker], acks="all")
    for number, value in enumerate(VALUES):
        producer.send(topic, value=value, partition=number % 2)
    producer.close()
    sources = [SharedKafkaSource(kafka_settings(kafka_broker, topic)) for _ in range(2)]
    for number, source in enumerate(sources):
        mine = sorted(source.partitions())[number]
        source.bounds()
        opened = Opened(source, {})
        opened.seek({mine: 0})
        assert by_partition(opened.read(len(VALUES[number::2]))) == {number: list(enumerate(VALUES[number::2]))}
        source.commit({mine: 2})
        assert source.positions().keys() == {mine}
    for source in sources:
        source.close()


def test_a_source_of_slots_notices_a_new_partition(
    kafka_broker: str, topics: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.kafka_shared.METADATA_MAX_AGE_MS", 0)
    monkeypatch.setattr("connectors.kafka.METADATA_MAX_AGE_MS", 200)
    topic = topics(1)
    source = SharedKafkaSource(kafka_settings(kafka_broker, topic))
    source.bounds()
    source.seek(dict.fromkeys(source.partitions(), 0))
    admin = KafkaAdminClient(bootstrap_servers=[kafka_broker])
    admin.create_partitions({topic: 2})
    admin.close()

    def poll_until_error() -> None:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            source.poll(50)

    with pytest.raises(PositionError, match=r"has a new partition 1; restart to read it"):
        poll_until_error()
    source.close()
