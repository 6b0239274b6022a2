"""`moderation check` reads the latest records of a topic and leaves no trace in its consumer group."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from connectors.kafka_connection import describe_partitions
from connectors.kafka_sample import TopicSample, sample_topic
from moderation.cli.check_topics import describe_topic
from moderation.errors import ConnectionLost, InputError
from moderation.settings import KafkaSettings, Settings
from tests.integration.test_kafka_formats import send, transactions
from tests.services.process import free_ports

Topics = Callable[..., str]


def settings(broker: str, topic: str) -> Settings:
    return Settings(kafka=KafkaSettings(bootstrap_servers=broker, group_id=f"{topic}-group", posts=topic))


def sample(broker: str, topic: str, records: int = 100) -> TopicSample:
    kafka = settings(broker, topic).kafka
    return sample_topic(kafka, describe_partitions(kafka, [topic]), records=records, timeout_s=30)


def post(number: int) -> bytes:
    at = datetime.now(UTC).isoformat()
    return json.dumps({"post_id": f"p{number}", "text": "A walk.", "account_id": "a", "created_at": at}).encode()


@pytest.mark.parametrize("compression", [None, "lz4", "zstd", "snappy", "gzip"])
def test_check_reads_the_latest_records_of_each_partition(
    kafka_broker: str, topics: Topics, compression: str | None
) -> None:
    topic = topics(2)
    send(kafka_broker, topic, *[post(number) for number in range(300)], b"{broken", compression_type=compression)
    text = describe_topic(settings(kafka_broker, topic), topic)
    assert text.startswith("2 partitions, 301 offsets; latest 100 records, 100 readable: ")
    assert "as post" in text
    found = sample(kafka_broker, topic, 10)
    assert (len(found.records), found.complete) == (10, True)
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
    groups = [group["group_id"] for group in admin.list_groups()]
    admin.close()
    assert f"{topic}-group" not in groups


def test_check_of_an_empty_topic_says_so(kafka_broker: str, topics: Topics) -> None:
    topic = topics(3)
    assert describe_topic(settings(kafka_broker, topic), topic) == "3 partitions, 0 offsets; no records"


def test_check_of_a_topic_that_ends_in_aborted_records_reads_what_is_before_them(
    kafka_broker: str, topics: Topics
) -> None:
    topic = topics(1)
    transactions(kafka_broker, topic)
    found = sample(kafka_broker, topic, 3)
    assert [origin.value for origin in found.records] == [b"1.0", b"1.1"]
    assert found.offsets == 9


def test_check_of_a_topic_with_only_records_of_an_open_transaction_ends(kafka_broker: str, topics: Topics) -> None:
    topic = topics(1)
    producer = KafkaProducer(bootstrap_servers=kafka_broker, transactional_id=f"{topic}-writer")
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(topic, b"open")
    producer.flush(timeout=30)
    assert sample(kafka_broker, topic) == TopicSample([], 0, True)
    producer.abort_transaction()
    producer.close()


def test_check_of_a_topic_whose_records_are_no_events_raises(kafka_broker: str, topics: Topics) -> None:
    topic = topics(1)
    send(kafka_broker, topic, b"<xml/>", b"<xml/>")
    with pytest.raises(InputError, match="2 dead letters, the first: "):
        describe_topic(settings(kafka_broker, topic), topic)


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_check_without_a_broker_raises_in_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL", logger="kafka")  # a kept log record would keep the error and its sockets
    (port,) = free_ports(1)
    with pytest.raises(ConnectionLost, match="no Kafka broker answers"):
        describe_topic(settings(f"127.0.0.1:{port}", "posts"), "posts")
    gc.collect()  # kafka-python leaves refused sockets to the collector; its warnings belong here
