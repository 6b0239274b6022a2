"""Dead letters reach `<topic>-dlt` on a real broker: the same bytes, Connect's headers, at least once."""

from __future__ import annotations

import gc
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from connectors.deadletters import FileRelay, KafkaRelay, relayed_record
from connectors.relay_topics import DeadLetterTopics
from connectors.reviewdb.schema import upgrade
from connectors.reviewdb.store import ReviewStore
from moderation.effects import DeadLetter, Effects, Origin, Partition
from moderation.errors import ConnectionLost, InputError
from tests.contract.samples import letter, partition
from tests.services.broker import KafkaBroker
from tests.services.process import free_ports


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReviewStore]:
    """A store on SQLite; the contract suite shows that PostgreSQL's outbox is the same."""
    store = ReviewStore(f"sqlite:///{tmp_path / 'reviews.sqlite'}")
    upgrade(store.engine)
    yield store
    store.close()


def put(store: ReviewStore, letters: list[DeadLetter]) -> None:
    """Into the outbox."""
    where = letters[0].origin.partition
    store.commit(store.claim("main", "one", [where]), Effects(dead_letters=letters))


def read_all(bootstrap: str, topic: str) -> list[Any]:
    """Every record of a topic."""
    consumer = KafkaConsumer(bootstrap_servers=[bootstrap], auto_offset_reset="earliest", group_id=None)
    try:
        names = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(names)
        wanted = sum(consumer.end_offsets(names).values())
        consumer.seek_to_beginning(*names)
        found: list[Any] = []
        deadline = time.monotonic() + 60
        while len(found) < wanted:
            assert time.monotonic() < deadline, f"{topic} gave {len(found)} of {wanted} records in a minute"
            for batch in consumer.poll(timeout_ms=1000).values():
                found.extend(batch)
        return found
    finally:
        consumer.close()


def errors_of(record: Any) -> dict[str, str]:
    """Connect's headers of a record, last one wins."""
    prefix = "__connect.errors."
    return {name.removeprefix(prefix): value.decode() for name, value in record.headers if name.startswith(prefix)}


def test_bytes_are_untouched_and_the_headers_say_why(
    kafka_broker: str, topics: Callable[..., str], store: ReviewStore
) -> None:
    topic = topics(3)
    where = Partition("cluster-1", topic, "id-1", 2)
    value = bytes(range(256)) * 40
    put(store, [letter(41, where, value=value), letter(42, where, key=None, value=b"{}", headers=())])
    relay = KafkaRelay(store, {"bootstrap_servers": [kafka_broker]}, partitions=[where])
    assert (relay.run_once(), relay.run_once()) == (2, 0)
    relay.close()
    first, second = sorted(read_all(kafka_broker, f"{topic}-dlt"), key=lambda record: errors_of(record)["offset"])
    assert (first.key, first.value) == (b"\x00\xff", value)
    assert ("moderation.timestamp_ms", b"1700000000000") in first.headers
    assert list(first.headers[:2]) == [("trace", b"\x00\x80"), ("trace", b"twice")]
    assert errors_of(first) == {
        "topic": topic,
        "partition": "2",
        "offset": "41",
        "connector.name": "moderation",
        "task.id": "0",
        "stage": "VALUE_CONVERTER",
        "class.name": "moderation.events.decode",
        "exception.class.name": "moderation.events.BadRecord",
        "exception.message": "not JSON in UTF-8: \x00 \\ud800",
    }
    assert (second.key, second.value) == (None, b"{}")
    assert store.outbox(10) == []


def test_a_letter_of_a_record_older_than_the_retention_is_kept(
    kafka_broker: str, topics: Callable[..., str], store: ReviewStore
) -> None:
    topic, control = topics(1), topics(1)
    where = Partition("cluster-1", topic, "id-1", 0)
    put(store, [letter(41, where)])
    relay = KafkaRelay(store, {"bootstrap_servers": [kafka_broker]}, partitions=[where])
    assert relay.run_once() == 1
    relay.close()
    producer = KafkaProducer(bootstrap_servers=[kafka_broker])
    producer.send(control, b"old", timestamp_ms=letter(41, where).origin.timestamp_ms)
    producer.close()
    with closing(KafkaConsumer(bootstrap_servers=[kafka_broker], group_id=None)) as consumer:
        name = TopicPartition(control, 0)
        deadline = time.monotonic() + 60
        while not consumer.beginning_offsets([name])[name]:
            assert time.monotonic() < deadline, "the broker deletes no expired record"
            time.sleep(0.2)
    assert [errors_of(record)["offset"] for record in read_all(kafka_broker, f"{topic}-dlt")] == ["41"]


def test_a_crash_before_the_mark_sends_a_duplicate_that_is_recognisable(
    kafka_broker: str, topics: Callable[..., str], store: ReviewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = topics(1)
    where = Partition("cluster-1", topic, "id-1", 0)
    put(store, [letter(7, where), letter(8, where)])

    class Crash(BaseException):
        pass

    def crash(_ids: object) -> None:
        raise Crash

    relay = KafkaRelay(store, {"bootstrap_servers": [kafka_broker]}, partitions=[where])
    with monkeypatch.context() as patched:
        patched.setattr(store, "relayed", crash)
        with pytest.raises(Crash):
            relay.run_once()
    relay.close()
    again = KafkaRelay(store, {"bootstrap_servers": [kafka_broker]}, partitions=[where])
    assert again.run_once() == 2
    again.close()
    origins = [
        (found["topic"], found["partition"], found["offset"])
        for found in map(errors_of, read_all(kafka_broker, f"{topic}-dlt"))
    ]
    assert sorted(origins) == [(topic, "0", "7")] * 2 + [(topic, "0", "8")] * 2


def test_a_dead_letter_of_a_dead_letter_names_its_own_origin_last(
    kafka_broker: str, topics: Callable[..., str], store: ReviewStore
) -> None:
    topic = topics(1)
    earlier = (("__connect.errors.offset", b"1"),)
    where = Partition("cluster-1", topic, "id-1", 0)
    put(store, [letter(99, where, headers=earlier)])
    relay = KafkaRelay(store, {"bootstrap_servers": [kafka_broker]}, partitions=[where])
    relay.run_once()
    relay.close()
    (record,) = read_all(kafka_broker, f"{topic}-dlt")
    assert record.headers[0] == earlier[0]
    assert errors_of(record)["offset"] == "99"


def test_a_record_that_the_topic_does_not_take_stays_and_holds_up_no_other(
    kafka_broker: str, topics: Callable[..., str], store: ReviewStore
) -> None:
    topic = topics(1)
    topics(1, name=f"{topic}-dlt", configs={"max.message.bytes": "10000"})
    where = Partition("cluster-1", topic, "id-1", 0)
    unnameable = Partition("cluster-1", "no/topic", "i", 0)
    put(store, [letter(1, where, value=b"x" * 50_000), letter(2, unnameable)])
    put(store, [letter(3, where)])
    relay = KafkaRelay(store, {"bootstrap_servers": [kafka_broker]}, partitions=[where, unnameable])
    while relay.run_once(limit=1):
        pass
    relay.close()
    assert [errors_of(record)["offset"] for record in read_all(kafka_broker, f"{topic}-dlt")] == ["3"]
    assert store.outbox(10) == []
    waiting, refused = store.unsent_letters()
    assert (waiting, sorted(refused.values())) == (0, [1, 1])
    assert any("raise its max.message.bytes and restart" in reason for reason in refused)
    restarted = KafkaRelay(store, {"bootstrap_servers": [kafka_broker]}, partitions=[where, unnameable])
    assert restarted.run_once() == 2, "a start tries refused letters once more"
    assert (restarted.run_once(), store.unsent_letters()) == (0, (0, refused))
    restarted.close()


def test_nulls_that_the_client_cannot_send_are_named() -> None:
    nothing: Any = None
    origin = Origin(Partition("c", "t", "i", 0), 1, None, None, None, (("a", b"1"), ("b", nothing)))
    record = relayed_record(DeadLetter(origin, "decode", "not JSON"))
    assert (record["key"], record["value"]) == (None, b"")
    assert record["headers"][:2] == [("a", b"1"), ("b", b"")]
    assert record["headers"][-1] == ("moderation.nulls", b"header:1,value")


def test_letter_of_a_record_that_the_client_could_not_parse_has_connects_stage_of_consuming() -> None:
    origin = Origin(Partition("c", "t", "i", 0), 1, None, b"k", b"v", (("\\xe9t", b"1"),))
    record = relayed_record(DeadLetter(origin, "record", "the header key b'\\xe9t' is not UTF-8"))
    assert (record["key"], record["value"], record["headers"][0]) == (b"k", b"v", ("\\xe9t", b"1"))
    assert ("__connect.errors.stage", b"KAFKA_CONSUME") in record["headers"]


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_no_broker_leaves_the_letters_in_the_outbox(store: ReviewStore, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL", logger="kafka")  # a kept log record would keep the error and its sockets
    put(store, [letter()])
    (port,) = free_ports(1)
    settings = {"bootstrap_servers": [f"127.0.0.1:{port}"], "bootstrap_timeout_ms": 500}
    relay = KafkaRelay(store, settings, partitions=[partition()], flush_timeout_s=1)
    with pytest.raises(ConnectionLost, match="wait in the outbox"):
        relay.run_once()
    relay.close()
    assert len(store.outbox(10)) == 1
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("kafka-io")]
    gc.collect()  # kafka-python leaves a refused socket to the collector; its warning belongs here, not in a later test


def test_a_broker_that_freezes_holds_the_letters_up_and_leaves_nothing_behind(
    own_kafka_broker: KafkaBroker, store: ReviewStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", logger="kafka")
    settings = {"bootstrap_servers": [own_kafka_broker.address]}
    where = Partition("cluster-1", "posts", "id-1", 0)
    relay = KafkaRelay(store, settings, partitions=[where], flush_timeout_s=2)
    put(store, [letter(1, where)])
    assert relay.run_once() == 1
    put(store, [letter(2, where)])
    own_kafka_broker.process.freeze()
    begun = time.monotonic()
    with pytest.raises(ConnectionLost):
        relay.run_once()
    assert time.monotonic() - begun < 90  # about 7 s; the client's own default is 120 s for each letter
    own_kafka_broker.process.thaw()
    assert [row.letter.origin.offset for row in store.outbox(10)] == [2]
    deadline = time.monotonic() + 300
    while store.outbox(10):
        with suppress(ConnectionLost):  # a broker that has just woken may need longer than this relay's patience
            relay.run_once()
        assert time.monotonic() < deadline, "the letter was not sent in five minutes"
    relay.close()
    found = {errors_of(record)["offset"] for record in read_all(own_kafka_broker.address, "posts-dlt")}
    assert found == {"1", "2"}
    assert not [thread.name for thread in threading.enumerate() if "kafka-python-producer" in thread.name]


def test_rejected_lines_of_a_file_go_to_a_file(store: ReviewStore, tmp_path: Path) -> None:
    source = Partition("", str(tmp_path / "events.jsonl"), "", 0)
    put(
        store,
        [letter(0, source), letter(4, source, value='{"text": "ü"'.encode()), letter(1, Partition("c", "t", "i", 0))],
    )
    rejects = tmp_path / "rejects.jsonl"
    relay = FileRelay(store, rejects, partitions=[source])
    assert [relay.run_once(limit=1), relay.run_once(), relay.run_once()] == [1, 1, 0]
    relay.close()
    first, second = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert (first["line"], first["record_base64"], first["stage"]) == (1, "e/8AIG5vdCBqc29u", "decode")
    assert (second["line"], second["record"], second["topic"]) == (5, '{"text": "ü"', source.topic)
    assert len(store.outbox(10)) == 1
    put(store, [letter(9, source)])
    with pytest.raises(InputError, match="cannot be written"):
        FileRelay(store, tmp_path / "nowhere" / "rejects.jsonl", partitions=[source]).run_once()


class _Acknowledged:
    exception = None

    def succeeded(self) -> bool:
        return True


class _FakeProducer:
    """Notes what it is given."""

    def __init__(self, sent: list[str]) -> None:
        self._sent = sent

    def send(self, topic: str, **_record: Any) -> _Acknowledged:
        self._sent.append(topic)
        return _Acknowledged()

    def flush(self, timeout: float | None = None) -> None:
        """Everything is there."""

    def close(self, timeout: float | None = None) -> None:
        """Nothing is held."""


def test_pipelines_that_share_a_database_carry_out_their_own_letters(
    store: ReviewStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeadLetterTopics, "ensure", lambda _topics, _topic: None)
    logs = [Partition("one", "posts", "i", 0), Partition("two", "posts", "i", 0), Partition("one", "other", "i", 0)]
    files = [Partition("", str(tmp_path / name), "", 0) for name in ("a.jsonl", "b.jsonl")]
    put(store, [letter(offset, where) for offset, where in enumerate(logs + files)])
    left = set(range(5))
    for offset, where in enumerate(logs):
        sent: list[str] = []

        def make(into: list[str] = sent, **_config: Any) -> _FakeProducer:
            return _FakeProducer(into)

        relay = KafkaRelay(store, {}, partitions=[where], make_producer=make)
        assert (relay.run_once(), relay.run_once()) == (1, 0)
        relay.close()
        left.discard(offset)
        assert sent == [f"{where.topic}-dlt"]
        assert {row.letter.origin.offset for row in store.outbox(10)} == left
    rejects = tmp_path / "rejects.jsonl"
    # More of others' letters stand in front than are looked at at once.
    assert FileRelay(store, rejects, partitions=files[1:]).run_once(limit=1) == 1
    assert json.loads(rejects.read_text())["topic"] == files[1].topic
    assert [row.letter.origin.offset for row in store.outbox(10)] == [3]
