"""The dead-letter topics of the relay: creation, reasons of refusal, and retries."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import (
    AuthorizationError,
    InvalidRecordError,
    InvalidTimestampError,
    InvalidTopicError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)

from connectors.kafka_opening import Client, open_client

log = logging.getLogger(__name__)

RETRY_FIRST_S = 1.0
RETRY_MAX_S = 300.0

TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
LETTER_REFUSED = (*TOO_LARGE, InvalidRecordError, InvalidTimestampError)
"""Errors of one letter: the topic accepts other letters."""
TOPIC_REFUSED = (AuthorizationError, InvalidTopicError, PolicyViolationError)
"""Errors of the topic: it accepts no letter until an operator changes its configuration."""
NOT_SENDABLE = (ValueError, AssertionError, UnicodeError)
"""Errors of kafka-python for an invalid topic name or record."""


def reason_of(topic: str, error: BaseException) -> str:
    """Return why a topic refuses a letter, and the remedy where known."""
    if isinstance(error, TOO_LARGE):
        return f"{topic} accepts no record of this size; raise its max.message.bytes and restart"
    if isinstance(error, AuthorizationError):
        return f"{topic} may not be created or written ({type(error).__name__}); allow it and restart"
    if isinstance(error, KafkaError):
        return f"{topic} refuses it ({type(error).__name__}: {error})"
    return f"it cannot be sent to {topic}: {error}"


def no_broker(error: BaseException) -> bool:
    """Return whether other topics would fail too."""
    return isinstance(error, (KafkaConnectionError, OSError))


def open_reachable(make: Callable[..., Client], **config: Any) -> Client:
    """Open a client. Raises KafkaConnectionError where no broker answers; kafka-python raises KafkaTimeoutError."""
    try:
        return open_client(make, **config)
    except KafkaTimeoutError as error:
        raise KafkaConnectionError(str(error)) from None


@dataclass
class Backoff:
    """The time of the next attempt for each topic; the pause doubles up to RETRY_MAX_S."""

    clock: Callable[[], float] = time.monotonic
    _pauses: dict[str, float] = field(default_factory=dict)
    _until: dict[str, float] = field(default_factory=dict)

    def due(self, name: str) -> bool:
        """Return whether an attempt is due."""
        return self.clock() >= self._until.get(name, 0.0)

    def failed(self, name: str) -> None:
        """Double the pause."""
        self._wait(name, min(2 * self._pauses.get(name, RETRY_FIRST_S / 2), RETRY_MAX_S))

    def refused(self, name: str) -> None:
        """Set the longest pause, because an operator must act."""
        self._wait(name, RETRY_MAX_S)

    def succeeded(self, name: str) -> None:
        """Forget earlier failures."""
        self._pauses.pop(name, None)
        self._until.pop(name, None)

    def _wait(self, name: str, pause_s: float) -> None:
        self._pauses[name] = pause_s
        self._until[name] = self.clock() + pause_s


class DeadLetterTopics:
    """Creates dead-letter topics with one partition, as Kafka Connect does, over one admin client."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._connection = dict(connection)
        self._admin: Any = None
        self._known: set[str] = set()

    def ensure(self, topic: str) -> None:
        """Create the topic unless it exists. Raises kafka-python's errors."""
        if topic in self._known:
            return
        if self._admin is None:
            self._admin = open_reachable(KafkaAdminClient, **self._connection)
        with suppress(TopicAlreadyExistsError):
            if not self._exists(topic):
                self._admin.create_topics({topic: {"num_partitions": 1}}, wait_for_metadata=True)
                log.info("created the dead-letter topic %s", topic)
        self._known.add(topic)

    def _exists(self, topic: str) -> bool:
        try:
            return all(not found.get("error_code") for found in self._admin.describe_topics([topic]))
        except UnknownTopicOrPartitionError:
            return False

    def close(self) -> None:
        """Close the admin client and clear the cache of topics. Safe to call twice."""
        admin, self._admin = self._admin, None
        self._known.clear()
        if admin is not None:
            with suppress(KafkaError, OSError):
                admin.close()
