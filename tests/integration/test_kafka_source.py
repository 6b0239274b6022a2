"""The Kafka source against a real broker: every record once, from where it is told, with its bytes."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
    UnknownError,
)

from connectors.kafka import KafkaSource
from connectors.kafka_connection import describe_partitions
from moderation.effects import Partition
from moderation.errors import ConnectionLost, ModerationError, PositionError, RecordsExpired, SettingsError
from tests.integration.kafka_sources import Topics, fill, read, settings, source
from tests.services.broker import KafkaBroker


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


def test_a_rejoin_that_outlasts_a_poll_is_finished_by_the_next(kafka_broker: str, topics: Topics) -> None:
    topic = topics(3)
    with source(settings(kafka_broker, topic)) as opened:
        # As after an assignment made before the client knew every topic: it notices by itself and joins anew.
        opened._consumer._coordinator._assignment_snapshot = {}
        for _ in range(100):
            opened.poll(1)
        fill(kafka_broker, topic, 60)
        assert len(read(opened, 60)) == 60


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


def test_records_that_expire_before_they_are_read_are_told_and_can_be_passed_over(
    kafka_broker: str, topics: Topics
) -> None:
    topic = topics(2)
    with source(settings(kafka_broker, topic)) as opened:
        gone, whole = opened.partitions()
        fill(kafka_broker, topic, 100)
        read(opened, 100)
        admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
        admin.delete_records({TopicPartition(topic, gone.partition): 20}, timeout_ms=10_000)
        admin.close()
        opened.seek({gone: 5, whole: 3})
        with pytest.raises(RecordsExpired, match=f"{topic}/{gone.partition}"):
            read(opened, 100)
        bounds = opened.bounds()
        assert bounds[gone][0] == 20
        opened.seek({gone: 20, whole: 3})
        found = read(opened, bounds[gone][1] - 20 + bounds[whole][1] - 3)
    assert min(origin.offset for origin in found if origin.partition == gone) == 20
    assert min(origin.offset for origin in found if origin.partition == whole) == 3


def test_unread_partitions_are_those_whose_log_continues(kafka_broker: str, topics: Topics) -> None:
    topic = topics(2)
    producer = KafkaProducer(bootstrap_servers=kafka_broker, transactional_id=f"{topic}-writer")
    producer.init_transactions()
    producer.begin_transaction()
    for number in range(40):
        producer.send(topic, value=b"%d" % number, partition=0)
    producer.commit_transaction()  # leaves a control record at the end of the log
    producer.close()
    with source(settings(kafka_broker, topic)) as opened:
        first, second = opened.partitions()
        opened.bounds()
        assert opened.unread() == {first}, "the second one is empty"
        read(opened, 40)
        assert opened.unread() == set()
        opened.pause([second])
        fill(kafka_broker, topic, 60)
        opened.bounds()
        assert opened.unread() == {first, second}
        others = opened.bounds()[first][1] - 41
        read(opened, others)
        assert opened.unread() == {second}


def test_a_recreated_topic_has_another_id(kafka_broker: str, topics: Topics) -> None:
    topic = topics(1)
    (before,) = describe_partitions(settings(kafka_broker, topic), [topic])
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
    admin.delete_topics([topic], timeout_ms=30_000)
    while topic in admin.list_topics():
        time.sleep(0.05)
    admin.close()
    topics(1, name=topic)
    (after,) = describe_partitions(settings(kafka_broker, topic), [topic])
    assert before.topic_id != after.topic_id
    assert before.cluster_id == after.cluster_id


def test_a_topic_that_does_not_exist_is_named(kafka_broker: str) -> None:
    with pytest.raises(SettingsError, match="the topic nowhere does not exist"):
        KafkaSource(settings(kafka_broker, "nowhere"))


def poll_until_it_raises(opened: KafkaSource) -> None:
    # A source that is left without any partition waits for the session's timeout, 45 s, before it says so.
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        opened.poll(100)


@contextmanager
def polling(consumer: KafkaConsumer) -> Iterator[None]:
    """Poll *consumer* in a thread of its own, as another process would: members of a group wait for each other."""
    ended = threading.Event()

    def poll() -> None:
        while not ended.is_set():
            consumer.poll(timeout_ms=1000)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        consumer.close(autocommit=False)


@pytest.mark.slow
def test_another_member_that_takes_partitions_is_noticed(kafka_broker: str, topics: Topics) -> None:
    topic = topics(4)
    with source(settings(kafka_broker, topic)) as opened:
        fill(kafka_broker, topic, 20)
        read(opened, 20)
        other = KafkaConsumer(bootstrap_servers=kafka_broker, group_id=f"{topic}-group", enable_auto_commit=False)
        other.subscribe([topic])
        with polling(other), pytest.raises(PositionError, match=r"another member .* took \d of 4 partitions"):
            poll_until_it_raises(opened)


def test_a_partition_that_is_added_while_running_is_named(kafka_broker: str, topics: Topics) -> None:
    topic = topics(1)
    with source(settings(kafka_broker, topic)) as opened:
        admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
        admin.create_partitions({topic: 2})
        admin.close()
        with pytest.raises(PositionError, match=f"the topic {topic} has a new partition 1; restart to read it"):
            poll_until_it_raises(opened)


def test_a_place_that_the_log_does_not_have_is_named(kafka_broker: str, topics: Topics) -> None:
    topic = topics(1)
    fill(kafka_broker, topic, 5)
    (partition,) = describe_partitions(settings(kafka_broker, topic), [topic])
    with (
        pytest.raises(RecordsExpired, match=f"{topic}/0 is no longer in the log"),
        source(settings(kafka_broker, topic), {partition: 500}) as opened,
    ):
        poll_until_it_raises(opened)


class FakeConsumer:
    """Answers each poll with the next of `answers`; an error is raised."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.listener: Any = None
        self._coordinator = SimpleNamespace(rejoining=False, rejoin_needed=False)
        self._fetcher = SimpleNamespace()
        self.leaders: dict[TopicPartition, int] = dict.fromkeys(NAMES, 1)
        cluster = SimpleNamespace(leader_for_partition=lambda name: self.leaders.get(name))
        self._client = SimpleNamespace(cluster=cluster, connected=lambda broker: broker == 1)

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0, 1}

    def highwater(self, name: TopicPartition) -> None:
        """Not known."""

    def subscription(self) -> None:
        """Nothing yet."""

    def subscribe(self, *, topics: list[str], listener: Any) -> None:
        self.listener = listener

    def seek(self, name: TopicPartition, offset: int) -> None:
        """Anywhere."""

    def assignment(self) -> set[TopicPartition]:
        return set(NAMES)

    def paused(self) -> set[TopicPartition]:
        return set()

    def pause(self, *names: TopicPartition) -> None:
        assert not names

    resume = pause

    def poll(self, *, timeout_ms: int) -> Any:
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        return answer


NAMES = [TopicPartition("posts", 0), TopicPartition("posts", 1)]


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> tuple[KafkaSource, FakeConsumer]:
    """A source that holds both partitions of a topic, without a broker."""
    found = [Partition("c", "posts", "i", number) for number in (0, 1)]
    consumer = FakeConsumer()
    monkeypatch.setattr("connectors.kafka.describe_partitions", lambda *_: found)
    monkeypatch.setattr("connectors.kafka.open_client", lambda *_, **__: consumer)
    opened = KafkaSource(settings("127.0.0.1:9", "posts"))
    opened.seek(dict.fromkeys(found, 0))
    consumer.listener.on_partitions_assigned(NAMES)
    opened.await_assignment(1)
    return opened, consumer


@pytest.mark.parametrize(
    ("error", "meaning", "words"),
    [
        (OffsetOutOfRangeError({NAMES[1]: 7}), RecordsExpired, r"posts/1 is no longer in the log"),
        (NoOffsetForPartitionError(NAMES[0]), RecordsExpired, r"posts/0 is no longer in the log"),
        (TopicAuthorizationFailedError({"posts"}), SettingsError, "must be allowed to read the topics posts"),
        (GroupAuthorizationFailedError("g"), SettingsError, "the consumer group posts-group"),
        (UnknownError(), ConnectionLost, "returned an error"),
        (OSError("gone"), ConnectionLost, "no Kafka broker answers"),
    ],
)
def test_what_the_client_raises_becomes_a_sentence(
    faked: tuple[KafkaSource, FakeConsumer], error: KafkaError | OSError, meaning: type[ModerationError], words: str
) -> None:
    opened, consumer = faked
    consumer.answers.append(error)
    with pytest.raises(meaning, match=words):
        opened.poll(0)


def test_a_rebalance_and_an_outage_are_waited_out(
    faked: tuple[KafkaSource, FakeConsumer], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, consumer = faked
    consumer.listener.on_partitions_revoked(NAMES)
    now = time.monotonic()
    monkeypatch.setattr("connectors.kafka.time.monotonic", lambda: now + 1000)
    assert opened.poll(0) == []  # no broker answers: nobody took anything
    for step in ([], NAMES[:1], NAMES):  # as when the group's leader sees the topics come back one by one
        consumer.listener.on_partitions_assigned(step)
        assert opened.poll(0) == []
    consumer.listener.on_partitions_assigned([])
    monkeypatch.setattr("connectors.kafka.time.monotonic", lambda: now + 1050)
    with pytest.raises(PositionError, match="took 2 of 2 partitions"):
        opened.poll(0)


def test_a_partition_is_not_read_to_its_end_while_its_leader_is_away(faked: tuple[KafkaSource, FakeConsumer]) -> None:
    opened, consumer = faked
    consumer.listener.on_partitions_assigned(NAMES)
    assert opened.poll(0) == []
    assert opened.unread() == set()
    consumer.leaders = {NAMES[0]: 1, NAMES[1]: 2}
    assert {partition.partition for partition in opened.unread()} == {NAMES[1].partition}
    del consumer.leaders[NAMES[0]]
    assert len(opened.unread()) == 2


def test_a_rejoin_under_way_is_asked_for_again(faked: tuple[KafkaSource, FakeConsumer]) -> None:
    opened, consumer = faked
    asked: list[bool] = []
    consumer._coordinator = SimpleNamespace(
        rejoining=True, rejoin_needed=False, request_rejoin=lambda: asked.append(True)
    )
    opened.poll(0)
    assert asked == [True]


def test_a_record_without_a_time_has_none(faked: tuple[KafkaSource, FakeConsumer]) -> None:
    opened, consumer = faked
    record = SimpleNamespace(offset=0, timestamp=-1, key=None, value=b"{}", headers=())
    consumer.answers.append({NAMES[0]: [record]})
    assert [origin.timestamp_ms for origin in opened.poll(0)] == [None]


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed <socket:ResourceWarning"
)
@pytest.mark.slow
def test_a_broker_that_is_away_for_longer_than_the_session_is_waited_out(
    own_kafka_broker: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", logger="kafka")
    address = own_kafka_broker.address
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.create_topics({"posts": {"num_partitions": 2}, "follows": {"num_partitions": 2}}, wait_for_metadata=True)
    admin.close()
    with source(settings(address, "posts", follows="follows", session_timeout_ms=6000)) as opened:
        fill(address, "posts", 10)
        read(opened, 10)
        own_kafka_broker.process.kill()
        back_at = time.monotonic() + 12
        while time.monotonic() < back_at:
            with suppress(ConnectionLost):
                opened.poll(200)
        assert len(opened.unread()) == 4, "where a log ends is not known without its broker"
        own_kafka_broker.restart()
        fill(address, "follows", 10)
        # A broker that was killed may take a minute to know its groups again.
        assert {origin.partition.topic for origin in read(opened, 10, within_s=150)} == {"follows"}
    gc.collect()  # kafka-python leaves refused sockets to the collector; its warnings belong here
