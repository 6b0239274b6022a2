"""Sends decisions to a Kafka topic, at least once and in order, beside the relay of dead letters."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError
from sqlalchemy import Engine

from connectors.relay_topics import (
    LETTER_REFUSED,
    NOT_SENDABLE,
    TOPIC_REFUSED,
    Backoff,
    DeadLetterTopics,
    open_reachable,
    reason_of,
)
from connectors.reviewdb.decision_events import DecisionEvent, mark_refused, mark_sent, retry_refused, unsent_decisions
from moderation.errors import ConnectionLost
from moderation.ports import Relay

log = logging.getLogger(__name__)
ACKNOWLEDGED_WITHIN_S = 20.0
MOST_ROUNDS = 20
"""Events of one account that are sent in one run, each after the one before is acknowledged."""
ONE_REFUSED = (*LETTER_REFUSED, *NOT_SENDABLE)


@dataclass
class _Done:
    """What the topic did with decisions: ids of those that it has, reasons and keys of those that it refuses."""

    sent: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    refused_keys: set[str] = field(default_factory=set)

    def refuse(self, event: DecisionEvent, reason: str) -> None:
        """Add an event that the topic refuses."""
        self.refused[event.id] = reason
        self.refused_keys.add(event.key)


class DecisionRelay:
    """`moderation.ports.Relay` for decisions of one platform: JSON records, keyed by account.

    While the topic refuses all, decisions wait in their order. One that the topic refuses alone, because it is too
    large, is marked with the reason, and the later ones about its account wait until a start sends it.
    """

    def __init__(self, engine: Engine, connection: Mapping[str, Any], topic: str, platform_id: str) -> None:
        self._engine = engine
        self._connection = dict(connection)
        self._topic = topic
        self._platform_id = platform_id
        self._producer: Any = None
        self._topics = DeadLetterTopics(connection)
        self._backoff = Backoff()
        self._retried = False

    def run_once(self, limit: int = 500, *, on_wait: Callable[[], None] = lambda: None) -> int:
        """Send decisions that wait, and mark them; return how many were sent or refused. Raises ConnectionLost."""
        on_wait()
        if not self._backoff.due(self._topic):
            return 0
        if not self._retried:
            retry_refused(self._engine, self._platform_id)
            self._retried = True
        events = unsent_decisions(self._engine, self._platform_id, limit)
        if not events:
            return 0
        done = _Done()
        try:
            self._send(events, done, on_wait)
        except (*TOPIC_REFUSED, *NOT_SENDABLE) as error:
            self._backoff.refused(self._topic)
            log.error("%d decisions wait: %s", len(events) - len(done.sent), reason_of(self._topic, error))
        except (KafkaError, OSError) as error:
            self.close()
            self._backoff.failed(self._topic)
            raise ConnectionLost(
                f"decisions wait, {self._topic} cannot be written ({type(error).__name__}: {error})"
            ) from None
        else:
            self._backoff.succeeded(self._topic)
        finally:
            self._mark(done)
        return len(done.sent) + len(done.refused)

    def close(self) -> None:
        """Close the connections. Safe to call twice."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, OSError):
                producer.close(timeout=2.0)
        self._topics.close()

    def _mark(self, done: _Done) -> None:
        if done.sent:
            mark_sent(self._engine, done.sent, datetime.now(UTC))
        for number, reason in done.refused.items():
            mark_refused(self._engine, [number], reason)
            log.error("decision %d is not sent: %s", number, reason)

    def _send(self, events: list[DecisionEvent], done: _Done, on_wait: Callable[[], None]) -> None:
        """Send all events and wait until each is acknowledged. Raises the first error that is not about one event.

        What follows that error is not done, also where the topic has it: sent again, it keeps the order. Of one account
        the next event is sent after the one before, so that none overtakes an event that the topic refuses.
        """
        self._topics.ensure(self._topic)
        waiting: dict[str, deque[DecisionEvent]] = {}
        for event in events:
            waiting.setdefault(event.key, deque()).append(event)
        for _ in range(MOST_ROUNDS):
            self._send_one_of_each([event.popleft() for event in waiting.values()], done, on_wait)
            waiting = {key: rest for key, rest in waiting.items() if rest and key not in done.refused_keys}
            if not waiting:
                return

    def _send_one_of_each(self, events: list[DecisionEvent], done: _Done, on_wait: Callable[[], None]) -> None:
        producer = self._open()
        futures = []
        for event in events:
            value = json.dumps(event.value).encode("ascii")
            key = event.key.encode("utf-8", "backslashreplace")
            try:
                futures.append((event, producer.send(self._topic, key=key, value=value)))
            except ONE_REFUSED as error:
                done.refuse(event, reason_of(self._topic, error))
            on_wait()
        for event, future in futures:
            try:
                future.get(timeout=ACKNOWLEDGED_WITHIN_S)
            except LETTER_REFUSED as error:
                done.refuse(event, reason_of(self._topic, error))
            else:
                done.sent.append(event.id)
            on_wait()

    def _open(self) -> Any:
        if self._producer is None:
            patience_ms = int(ACKNOWLEDGED_WITHIN_S * 1000)
            self._producer = open_reachable(
                KafkaProducer,
                acks="all",
                enable_idempotence=True,
                max_block_ms=patience_ms,
                delivery_timeout_ms=patience_ms,
                request_timeout_ms=patience_ms // 2,
                allow_auto_create_topics=False,
                **self._connection,
            )
        return self._producer


class Relays:
    """Several relays as one: a failure of one holds up no other."""

    def __init__(self, *relays: Relay) -> None:
        self._relays = relays

    def run_once(self, limit: int = 500, *, on_wait: Callable[[], None] = lambda: None) -> int:
        """Run all; return how many rows were sent or refused. Raises ConnectionLost after all have run."""
        handled, failures = 0, []
        for relay in self._relays:
            try:
                handled += relay.run_once(limit, on_wait=on_wait)
            except ConnectionLost as lost:
                failures.append(str(lost))
        if failures:
            raise ConnectionLost("; ".join(failures))
        return handled

    def close(self) -> None:
        """Close all."""
        for relay in self._relays:
            relay.close()
