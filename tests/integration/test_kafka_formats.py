"""What producers write, read from a real broker: compressed batches, transactions, records the client cannot parse."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from connectors.kafka import KafkaSource
from moderation.effects import Origin
from moderation.settings import KafkaSettings
from tests.integration.test_kafka_source import read, settings, source
from tests.services.broker import KafkaBroker

Topics = Callable[..., str]


def send(broker: str, topic: str, *values: bytes, **options: object) -> None:
    """One record a value, in as few batches as the producer makes of them."""
    producer = KafkaProducer(bootstrap_servers=broker, acks="all", linger_ms=50, **options)
    for value in values:
        producer.send(topic, value)
    producer.flush(timeout=30)
    producer.close()


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_batches_are_read(kafka_broker: str, topics: Topics, compression: str) -> None:
    topic = topics(1)
    values = [b"%d " % number * 500 for number in range(200)]
    send(kafka_broker, topic, *values, compression_type=compression)
    with source(settings(kafka_broker, topic)) as opened:
        assert [origin.value for origin in read(opened, 200)] == values


class Latin1(str):
    """A header name that a client of another language sends in Latin-1."""

    def encode(self, *_arguments: object) -> bytes:
        """As on the wire."""
        return b"\xe9t\xe9"


def test_record_with_header_key_not_utf8_is_marked_and_reading_goes_on(kafka_broker: str, topics: Topics) -> None:
    topic = topics(1)
    with source(settings(kafka_broker, topic)) as opened:
        send(kafka_broker, topic, b"before")
        producer = KafkaProducer(bootstrap_servers=kafka_broker)
        producer.send(topic, b"bad", headers=[(Latin1("x"), b"1")])
        producer.close()
        send(kafka_broker, topic, b"after")
        found = read(opened, 3)
    assert [(origin.offset, origin.value) for origin in found] == [(0, b"before"), (1, b"bad"), (2, b"after")]
    assert [origin.unreadable for origin in found] == [None, "the header key b'\\xe9t\\xe9' is not UTF-8", None]


def test_batch_damaged_on_the_brokers_disk_is_marked_and_reading_goes_on(own_kafka_broker: KafkaBroker) -> None:
    address = own_kafka_broker.address
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.create_topics({"posts": {"num_partitions": 1}}, wait_for_metadata=True)
    admin.close()
    for values in ((b"one",), (b"two", b"three"), (b"four",)):
        send(address, "posts", *values)
    own_kafka_broker.process.stop()
    (segment,) = own_kafka_broker.folder.glob("data/posts-0/*.log")
    stored = bytearray(segment.read_bytes())
    stored[stored.index(b"three")] ^= 1
    segment.write_bytes(stored)
    own_kafka_broker.restart()
    with source(settings(address, "posts")) as opened:
        found = read(opened, 3, within_s=60)
        assert opened.bounds()[found[0].partition] == (0, 4)
    assert [(origin.offset, origin.unreadable is None) for origin in found] == [(0, True), (2, False), (3, True)]
    assert "at offsets 1 to 2" in str(found[1].unreadable)
    assert b"two" in (found[1].value or b"")


def transactions(broker: str, topic: str) -> None:
    """An aborted transaction, a committed one, an aborted one."""
    producer = KafkaProducer(bootstrap_servers=broker, transactional_id=f"{topic}-writer")
    producer.init_transactions()
    for number, commit in enumerate((False, True, False)):
        producer.begin_transaction()
        for copy in range(2):
            producer.send(topic, b"%d.%d" % (number, copy))
        producer.flush(timeout=30)
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    producer.close()


def values(opened: KafkaSource, count: int) -> list[bytes | None]:
    """The values of exactly this many records."""
    found: list[Origin] = read(opened, count)
    return [origin.value for origin in found]


def test_records_of_aborted_transactions_are_not_read_unless_configured(kafka_broker: str, topics: Topics) -> None:
    topic = topics(1)
    transactions(kafka_broker, topic)
    send(kafka_broker, topic, b"plain")
    with source(settings(kafka_broker, topic)) as opened:
        assert values(opened, 3) == [b"1.0", b"1.1", b"plain"]
        (end,) = {end for _, end in opened.bounds().values()}
        assert end == 10, "three control records are in the log"
        assert list(opened.positions().values()) == [10]
    uncommitted = KafkaSettings(
        bootstrap_servers=kafka_broker, group_id=f"{topic}-2", posts=topic, isolation_level="read_uncommitted"
    )
    with source(uncommitted) as opened:
        assert len(values(opened, 7)) == 7


def test_records_of_an_open_transaction_wait_for_its_end(kafka_broker: str, topics: Topics) -> None:
    topic = topics(1)
    producer = KafkaProducer(bootstrap_servers=kafka_broker, transactional_id=f"{topic}-writer")
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(topic, b"open")
    producer.flush(timeout=30)
    with source(settings(kafka_broker, topic)) as opened:
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            assert not opened.poll(200)
        (bounds,) = opened.bounds().values()
        assert bounds == (0, 1), "a ledger of read_uncommitted may be beyond the open transaction"
        producer.commit_transaction()
        producer.close()
        assert list(opened.positions().values()) == [0], "nothing passes an open transaction"
        assert values(opened, 1) == [b"open"]
