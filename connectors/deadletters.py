"""Carries dead letters out of the outbox: to `<topic>-dlt` with Kafka Connect's headers, or to a rejects file."""

from __future__ import annotations

import base64
import json
import logging
import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import (
    AuthorizationError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)

from connectors.kafka_opening import open_client
from moderation.effects import DeadLetter, Origin, Partition
from moderation.errors import ConnectionLost, InputError
from moderation.ports import OutboxRow, Store

log = logging.getLogger(__name__)

HEADER_PREFIX = "__connect.errors."
NULLS_HEADER = "moderation.nulls"
TIMESTAMP_HEADER = "moderation.timestamp_ms"
STAGES = {
    "record": "KAFKA_CONSUME",
    "decode": "VALUE_CONVERTER",
    "time": "TRANSFORMATION",
    "text": "TRANSFORMATION",
}
"""Connect's name of the stage (org.apache.kafka.connect.runtime.errors.Stage) that ours is closest to."""

FLUSH_TIMEOUT_S = 20.0
CLOSE_TIMEOUT_S = 2.0
MAX_REQUEST_BYTES = 64 * 1024 * 1024
"""The client's own limit is lifted out of the way; the topic's `max.message.bytes` decides."""

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_NEVER = (*_TOO_LARGE, InvalidTopicError, AuthorizationError)


class Producer(Protocol):
    """What the relay needs of a producer, so that a test can take its place."""

    def send(self, topic: str, **record: Any) -> Any:
        """As kafka.KafkaProducer.send."""

    def flush(self, timeout: float | None = None) -> None:
        """As kafka.KafkaProducer.flush."""

    def close(self, timeout: float | None = None) -> None:
        """As kafka.KafkaProducer.close."""


def error_headers(letter: DeadLetter, *, pipeline: str = "moderation") -> list[tuple[str, bytes]]:
    """The headers Kafka Connect's DeadLetterQueueReporter adds, all values as UTF-8 text.

    Topic, partition and offset together name the record: a duplicate carries the same three. A consumer that reads a
    repeated header takes the last one, as Connect does, so these stand after the record's own.
    """
    origin = letter.origin
    values = {
        "topic": origin.partition.topic,
        "partition": str(origin.partition.partition),
        "offset": str(origin.offset),
        "connector.name": pipeline,
        "task.id": "0",
        "stage": STAGES[letter.stage],
        "class.name": "moderation.events.decode",
        "exception.class.name": "moderation.events.BadRecord",
        "exception.message": letter.reason,
    }
    return [(HEADER_PREFIX + name, value.encode("utf-8", "backslashreplace")) for name, value in values.items()]


def relayed_record(letter: DeadLetter) -> dict[str, Any]:
    """The arguments of `KafkaProducer.send`: key, value and headers as they came, and the error headers.

    The record's time is the time of sending, since a topic's retention counts from it: with its own time, the letter of
    a record older than that would be deleted before anybody saw it. Its own time, ms since 1970, goes as the header
    `moderation.timestamp_ms`.

    kafka-python sends neither a null header value nor a record with neither key nor value; those go as empty bytes
    and are named in the header `moderation.nulls`.
    """
    origin = letter.origin
    headers, nulls = _headers_and_nulls(origin)
    value = origin.value
    if origin.key is None and value is None:
        value = b""
        nulls.append("value")
    headers += error_headers(letter)
    if origin.timestamp_ms is not None:
        headers.append((TIMESTAMP_HEADER, str(origin.timestamp_ms).encode()))
    if nulls:
        headers.append((NULLS_HEADER, ",".join(nulls).encode("utf-8", "backslashreplace")))
    return {"key": origin.key, "value": value, "headers": headers}


def _headers_and_nulls(origin: Origin) -> tuple[list[tuple[str, bytes]], list[str]]:
    headers: list[tuple[str, bytes]] = []
    nulls: list[str] = []
    for index, (name, value) in enumerate(origin.headers):
        if value is None:
            nulls.append(f"header:{index}")
        headers.append((name, value or b""))
    return headers, nulls


class _Waiting:
    """Rows of the outbox that are this relay's to send. A row that can never go stays there and holds up no other.

    Letters from other topics than those of *partitions* are other pipelines' to carry out; those of a recreated topic's
    earlier life are ours.
    """

    def __init__(self, store: Store, partitions: Collection[Partition]) -> None:
        self._store = store
        self._logs = {(partition.cluster_id, partition.topic) for partition in partitions}
        self._passed: set[int] = set()

    def next(self, limit: int) -> list[OutboxRow]:
        """The oldest rows to send; empty where none is left."""
        rows = self._store.outbox(limit + len(self._passed), self._logs)
        return [row for row in rows if row.id not in self._passed][:limit]

    def pass_over(self, row: OutboxRow, reason: str) -> None:
        """Leave a row until the next start."""
        self._passed.add(row.id)
        where = row.letter.origin
        log.error(
            "dead letter %s/%s/%s stays in the outbox: %s",
            where.partition.topic,
            where.partition.partition,
            where.offset,
            reason,
        )


class KafkaRelay:
    """`moderation.ports.Relay` to `<topic>-dlt`, at least once: a crash before the mark sends a row again.

    `connection` is kafka-python's configuration of brokers and security. A dead-letter topic that does not exist is
    made with one partition, as Connect does. Only letters from topics of `partitions` go: other pipelines may share the
    database and carry out their own. Letters of a recreated topic's earlier life go too.
    """

    def __init__(
        self,
        store: Store,
        connection: Mapping[str, Any],
        *,
        partitions: Collection[Partition],
        make_producer: Callable[..., Producer] = KafkaProducer,
        flush_timeout_s: float = FLUSH_TIMEOUT_S,
    ) -> None:
        self._store = store
        self._waiting = _Waiting(store, partitions)
        self._connection = dict(connection)
        self._make_producer = make_producer
        self._flush_timeout_s = flush_timeout_s
        self._producer: Producer | None = None
        self._topics: set[str] = set()

    def run_once(self, limit: int = 500) -> int:
        """Send up to `limit` waiting rows and mark them; how many were sent. Raises ConnectionLost."""
        sent: list[int] = []
        try:
            while not sent and (rows := self._waiting.next(limit)):
                sent = self._send(rows)  # none of them when all were passed over: then the next ones
        except (KafkaError, OSError) as error:
            self._drop_producer()
            raise ConnectionLost(
                f"dead letters cannot be sent ({type(error).__name__}: {error}); they wait in the outbox"
            ) from None
        self._store.relayed(sent)
        return len(sent)

    def _send(self, rows: list[OutboxRow]) -> list[int]:
        producer = self._open()
        futures: list[tuple[OutboxRow, Any]] = []
        for row in rows:
            try:
                self._ensure_topic(row.topic)
                futures.append((row, producer.send(row.topic, **relayed_record(row.letter))))
            except _NEVER as error:
                self._waiting.pass_over(row, _why(row, error))
            except (ValueError, AssertionError, UnicodeError) as error:  # kafka-python refuses the topic or the record
                self._waiting.pass_over(row, str(error))
        producer.flush(timeout=self._flush_timeout_s + CLOSE_TIMEOUT_S)
        sent: list[int] = []
        failure: BaseException | None = None
        for row, future in futures:
            if future.succeeded():
                sent.append(row.id)
            elif isinstance(future.exception, _NEVER):
                self._waiting.pass_over(row, _why(row, future.exception))
            else:
                failure = failure or future.exception or KafkaError("not acknowledged in time")
                self._topics.discard(row.topic)
        if failure is not None:
            self._store.relayed(sent)
            raise failure
        return sent

    def _ensure_topic(self, topic: str) -> None:
        if topic in self._topics:
            return
        admin = open_client(KafkaAdminClient, **self._connection)
        try:
            with suppress(TopicAlreadyExistsError):
                if not self._exists(admin, topic):
                    admin.create_topics({topic: {"num_partitions": 1}}, wait_for_metadata=True)
                    log.info("made the dead-letter topic %s", topic)
        finally:
            admin.close()
        self._topics.add(topic)

    @staticmethod
    def _exists(admin: Any, topic: str) -> bool:
        try:
            return all(not found.get("error_code") for found in admin.describe_topics([topic]))
        except UnknownTopicOrPartitionError:
            return False

    def _open(self) -> Producer:
        if self._producer is None:
            patience_ms = int(self._flush_timeout_s * 1000)
            self._producer = open_client(
                self._make_producer,
                acks="all",
                # An idempotent producer fails for good at the first record that a topic refuses, and in a batch a
                # refused record takes its neighbours along. Duplicates are allowed here, lost neighbours are not.
                enable_idempotence=False,
                batch_size=0,
                max_request_size=MAX_REQUEST_BYTES,
                max_block_ms=patience_ms,
                # The client gives a record up before `flush` does: closing waits for records that still hope.
                delivery_timeout_ms=patience_ms,
                request_timeout_ms=patience_ms // 2,
                allow_auto_create_topics=False,
                **self._connection,
            )
        return self._producer

    def _drop_producer(self) -> None:
        """Let go of a producer with what it still holds: those rows are in the outbox."""
        producer, self._producer = self._producer, None
        self._topics.clear()
        if producer is not None:
            with suppress(KafkaError, OSError):
                producer.close(timeout=CLOSE_TIMEOUT_S)

    def close(self) -> None:
        """Close the connection. Safe to call twice."""
        self._drop_producer()


def _why(row: OutboxRow, error: BaseException) -> str:
    if isinstance(error, _TOO_LARGE):
        return f"{row.topic} takes no record of this size; raise the topic's max.message.bytes and start again"
    return f"{row.topic} refuses it ({type(error).__name__})"


class FileRelay:
    """`moderation.ports.Relay` to a file, one JSON object a line: `line`, `stage`, `reason` and the bytes.

    The bytes stand under `record` as text where they are UTF-8, otherwise as base64 under `record_base64`. A crash
    before the mark writes a line again; `topic` and `line` (counted from 1) name it. Only lines of the files that
    `partitions` name are written.
    """

    def __init__(self, store: Store, path: Path, *, partitions: Collection[Partition]) -> None:
        self._store = store
        self._path = path
        self._waiting = _Waiting(store, partitions)

    def run_once(self, limit: int = 500) -> int:
        """Write up to `limit` waiting rows and mark them; how many. Raises InputError, ConnectionLost."""
        rows = self._waiting.next(limit)
        if not rows:
            return 0
        try:
            with self._path.open("ab") as file:
                file.write(b"".join(_rejected_line(row.letter) for row in rows))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(f"rejected lines cannot be written to {self._path}: {error.strerror}") from None
        self._store.relayed([row.id for row in rows])
        return len(rows)

    def close(self) -> None:
        """Nothing is held between calls."""


def _rejected_line(letter: DeadLetter) -> bytes:
    origin = letter.origin
    line: dict[str, Any] = {"topic": origin.partition.topic, "line": origin.offset + 1, "stage": letter.stage}
    line["reason"] = letter.reason
    value = origin.value or b""
    try:
        line["record"] = value.decode("utf-8")
    except UnicodeDecodeError:
        line["record_base64"] = base64.b64encode(value).decode("ascii")
    return json.dumps(line).encode("ascii") + b"\n"
