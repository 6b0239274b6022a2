"""Sends dead letters from the outbox: to `<topic>-dlt` with Kafka Connect's headers, or to a rejects file."""

from __future__ import annotations

import base64
import json
import logging
import os
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from connectors.relay_topics import (
    LETTER_REFUSED,
    NOT_SENDABLE,
    TOPIC_REFUSED,
    Backoff,
    DeadLetterTopics,
    no_broker,
    open_reachable,
    reason_of,
)
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
"""The stage of Kafka Connect (org.apache.kafka.connect.runtime.errors.Stage) for each stage."""

FLUSH_TIMEOUT_S = 20.0
CLOSE_TIMEOUT_S = 2.0
MAX_REQUEST_BYTES = 64 * 1024 * 1024
"""The limit of the client is raised, so that `max.message.bytes` of the topic applies."""


class Producer(Protocol):
    """The methods of a producer that the relay uses."""

    def send(self, topic: str, **record: Any) -> Any:
        """As kafka.KafkaProducer.send."""

    def flush(self, timeout: float | None = None) -> None:
        """As kafka.KafkaProducer.flush."""

    def close(self, timeout: float | None = None) -> None:
        """As kafka.KafkaProducer.close."""


def error_headers(letter: DeadLetter, *, pipeline: str = "moderation") -> list[tuple[str, bytes]]:
    """Return the headers that DeadLetterQueueReporter of Kafka Connect adds, all values as UTF-8 text.

    Topic, partition and offset identify the record: a duplicate has the same three. These headers follow those of the
    record, because consumers use the last one of a repeated header, as Connect does.
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
    """Return the arguments of `KafkaProducer.send`: original key, value and headers, and the error headers.

    The time of the record is the time of sending, because the retention of a topic counts from it: with its original
    time, an old record would be deleted at once. The original time, in ms since 1970, is the header
    `moderation.timestamp_ms`.

    kafka-python sends neither a null header value nor a record without key and value; these are sent as empty bytes
    and listed in the header `moderation.nulls`.
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


class KafkaRelay:
    """`moderation.ports.Relay` to `<topic>-dlt`, at least once: a crash before the mark sends a row again.

    `connection` is the configuration of brokers and security for kafka-python. Only letters from the topics of
    `partitions`, including recreated topics, are sent, because other pipelines may share the database.

    Topics progress independently. A letter that its topic refuses permanently is marked with the reason and waits no
    longer; the next start retries it once. After a transient failure a topic is retried later, while the letters of
    other topics are sent.
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
        self._logs = _logs_of(partitions)
        self._connection = dict(connection)
        self._make_producer = make_producer
        self._flush_timeout_s = flush_timeout_s
        self._producer: Producer | None = None
        self._topics = DeadLetterTopics(connection)
        self._backoff = Backoff()
        self._retried = False

    def run_once(self, limit: int = 500, *, on_wait: Callable[[], None] = lambda: None) -> int:
        """Send waiting rows and mark them, up to *limit* of each topic; return how many were sent or refused.

        Raises ConnectionLost after sending the letters of the other topics.
        """
        if not self._retried:
            self._store.retry_refused(self._logs)
            self._retried = True
        handled, failures = 0, []
        for name in sorted(self._logs):
            if not self._backoff.due(name[1]):
                continue
            on_wait()
            try:
                handled += self._relay(name, limit, on_wait)
            except (KafkaError, OSError) as error:
                self._drop_clients()
                self._backoff.failed(name[1])
                failures.append(f"those of {name[1]} cannot be sent ({type(error).__name__}: {error})")
                if no_broker(error):
                    break
        if failures:
            raise ConnectionLost(f"dead letters wait in the outbox: {'; '.join(failures)}")
        return handled

    def _relay(self, name: tuple[str, str], limit: int, on_wait: Callable[[], None]) -> int:
        """Send rows of one log; return how many were sent or refused. Raises transient errors."""
        rows = self._store.outbox(limit, {name})
        if not rows:
            return 0
        try:
            self._topics.ensure(rows[0].topic)
        except (*TOPIC_REFUSED, *NOT_SENDABLE) as error:
            return self._refuse_topic(name, rows[0].topic, error)
        attempt = _Attempt()
        self._send(rows, attempt, on_wait)
        self._store.relayed(attempt.sent)
        refused = self._refuse_letters(attempt.refused)
        if attempt.topic_refused is not None:
            return len(attempt.sent) + refused + self._refuse_topic(name, rows[0].topic, attempt.topic_refused)
        if attempt.failure is not None:
            raise attempt.failure
        self._backoff.succeeded(name[1])
        return len(attempt.sent) + refused

    def _send(self, rows: list[OutboxRow], attempt: _Attempt, on_wait: Callable[[], None]) -> None:
        producer = self._open()
        futures: list[tuple[OutboxRow, Any]] = []
        for row in rows:
            try:
                futures.append((row, producer.send(row.topic, **relayed_record(row.letter))))
            except (KafkaError, *NOT_SENDABLE) as error:
                if attempt.note(row, error):
                    break
            on_wait()
        self._flush(producer, on_wait)
        for row, future in futures:
            if future.succeeded():
                attempt.sent.append(row.id)
            else:
                attempt.note(row, future.exception or KafkaTimeoutError("not acknowledged in time"))

    def _flush(self, producer: Producer, on_wait: Callable[[], None]) -> None:
        """Wait until each record is acknowledged or given up; the timeout of the client applies to each record."""
        deadline = time.monotonic() + self._flush_timeout_s + CLOSE_TIMEOUT_S
        while (left_s := deadline - time.monotonic()) > 0:
            try:
                producer.flush(timeout=min(1.0, left_s))
            except KafkaTimeoutError:
                on_wait()
            else:
                return

    def _refuse_letters(self, refused: Mapping[str, list[OutboxRow]]) -> int:
        for reason, rows in refused.items():
            self._store.refuse([row.id for row in rows], reason)
            where = rows[0].letter.origin
            log.error(
                "%d dead letters, such as %s/%s/%s, stay in the outbox: %s",
                len(rows),
                where.partition.topic,
                where.partition.partition,
                where.offset,
                reason,
            )
        return sum(map(len, refused.values()))

    def _refuse_topic(self, name: tuple[str, str], topic: str, error: BaseException) -> int:
        reason = reason_of(topic, error)
        refused = self._store.refuse_all(name, reason)
        self._backoff.refused(name[1])
        log.error("%d dead letters of %s stay in the outbox: %s", refused, name[1], reason)
        return refused

    def _open(self) -> Producer:
        if self._producer is None:
            patience_ms = int(self._flush_timeout_s * 1000)
            self._producer = open_reachable(
                self._make_producer,
                acks="all",
                # An idempotent producer fails permanently at the first record that a topic refuses, and a refused
                # record fails its batch. Duplicates are allowed here, lost neighbours are not.
                enable_idempotence=False,
                batch_size=0,
                max_request_size=MAX_REQUEST_BYTES,
                max_block_ms=patience_ms,
                # The client gives up a record before `_flush` does, because closing waits for pending records.
                delivery_timeout_ms=patience_ms,
                request_timeout_ms=patience_ms // 2,
                allow_auto_create_topics=False,
                **self._connection,
            )
        return self._producer

    def _drop_clients(self) -> None:
        """Close the producer with its pending records, which are still in the outbox, and the admin client."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, OSError):
                producer.close(timeout=CLOSE_TIMEOUT_S)
        self._topics.close()

    def close(self) -> None:
        """Close the connections. Safe to call twice."""
        self._drop_clients()


@dataclass
class _Attempt:
    """The results of the rows of one log that were sent together."""

    sent: list[int] = field(default_factory=list)
    refused: dict[str, list[OutboxRow]] = field(default_factory=dict)
    topic_refused: BaseException | None = None
    failure: BaseException | None = None

    def note(self, row: OutboxRow, error: BaseException) -> bool:
        """Record the meaning of an error; return True where more rows for this topic would fail too."""
        if isinstance(error, (*LETTER_REFUSED, *NOT_SENDABLE)):
            self.refused.setdefault(reason_of(row.topic, error), []).append(row)
            return False
        if isinstance(error, TOPIC_REFUSED):
            self.topic_refused = error
        else:
            self.failure = self.failure or error
        return True


def _logs_of(partitions: Collection[Partition]) -> set[tuple[str, str]]:
    return {(partition.cluster_id, partition.topic) for partition in partitions}


class FileRelay:
    """`moderation.ports.Relay` to a file, one JSON object per line: `line`, `stage`, `reason` and the bytes.

    The bytes are in `record` as text where they are UTF-8, else in `record_base64`. A crash before the mark writes a
    line again; `topic` and `line` (from 1) identify it. Only lines of the files in `partitions` are written.
    """

    def __init__(self, store: Store, path: Path, *, partitions: Collection[Partition]) -> None:
        self._store = store
        self._path = path
        self._logs = _logs_of(partitions)

    def run_once(self, limit: int = 500, *, on_wait: Callable[[], None] = lambda: None) -> int:
        """Write up to `limit` waiting rows and mark them; return how many. Raises InputError, ConnectionLost."""
        on_wait()
        rows = self._store.outbox(limit, self._logs)
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
        """Do nothing: no resource is open between calls."""


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
