"""Decisions reach a topic on a real broker: in order per account, at least once, and none is lost in an outage."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from kafka.errors import MessageSizeTooLargeError, TopicAuthorizationFailedError
from sqlalchemy import text

from connectors.decision_relay import DecisionRelay, Relays
from connectors.reviewdb.identity import account_key
from connectors.reviewdb.schema import upgrade
from connectors.reviewdb.store import ReviewStore
from moderation.effects import Effects
from moderation.errors import ConnectionLost
from moderation.review.account_decisions import AccountDecision, decide_account, withdraw
from moderation.review.accounts import read_account
from moderation.review.permissions import Actor
from tests.contract.samples import PLATFORM, flag, partition
from tests.integration.test_deadletters import read_all
from tests.services.process import free_ports

ANA = Actor(1, "ana", "reviewer")
NOW = datetime(2026, 11, 29, 9, 0, tzinfo=UTC)
KEY = account_key(PLATFORM, "a1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReviewStore]:
    """A database with a flag, a decision about it and its withdrawal."""
    store = ReviewStore(f"sqlite:///{tmp_path / 'reviews.sqlite'}")
    upgrade(store.engine)
    store.commit(store.claim("main", "one", [partition()]), Effects(flags=[flag("p1"), flag("p2", account_id="a2")]))
    decide(store, KEY, "confirmed")
    withdraw(store.engine, ANA, KEY, "too early", NOW + timedelta(minutes=1))
    yield store
    store.close()


def decide(store: ReviewStore, key: str, verdict: str) -> None:
    """Decide about an account as it is."""
    state = read_account(store.engine, ANA, key, NOW).state
    decide_account(store.engine, ANA, AccountDecision(key, state, verdict, "words of a person"), NOW)


def relay_to(broker: str, store: ReviewStore, topic: str) -> DecisionRelay:
    """A relay for decisions of the platform of the samples."""
    return DecisionRelay(store.engine, {"bootstrap_servers": [broker]}, topic, PLATFORM)


def values(broker: str, topic: str) -> list[dict[str, Any]]:
    """The events of a topic."""
    return [json.loads(record.value) for record in read_all(broker, topic)]


def test_decisions_are_sent_once_in_order_without_names_and_words(
    kafka_broker: str, topics: Callable[..., str], store: ReviewStore
) -> None:
    topic = topics()
    with closing(relay_to(kafka_broker, store, topic)) as relay:
        assert relay.run_once() == 2
        assert relay.run_once() == 0
        decide(store, account_key(PLATFORM, "a2"), "uncertain")
        assert relay.run_once() == 1
    sent = values(kafka_broker, topic)
    assert [(one["decision_id"], one["verdict"], one["supersedes"], one["account_id"]) for one in sent] == [
        (1, "confirmed", None, "a1"),
        (2, "withdrawn", 1, "a1"),
        (3, "uncertain", None, "a2"),
    ]
    assert sent[0] == {
        "type": "decision",
        "schema_version": 1,
        "decision_id": 1,
        "supersedes": None,
        "platform_id": PLATFORM,
        "account_id": "a1",
        "post_id": "p1",
        "flag_id": 1,
        "version": 1,
        "verdict": "confirmed",
        "policy": None,
        "role": "reviewer",
        "at": "2026-11-29T09:00:00.000000Z",
        "source": "moderation console",
    }
    assert [record.key for record in read_all(kafka_broker, topic)] == [b"a1", b"a1", b"a2"]


def test_a_missing_topic_is_created(kafka_broker: str, store: ReviewStore) -> None:
    topic = f"decisions-{free_ports(1)[0]}"
    with closing(relay_to(kafka_broker, store, topic)) as relay:
        assert relay.run_once() == 2
    assert len(values(kafka_broker, topic)) == 2


def test_a_platform_sends_its_own_decisions_only(kafka_broker: str, store: ReviewStore) -> None:
    other = DecisionRelay(store.engine, {"bootstrap_servers": [kafka_broker]}, "never-written", "another platform")
    with closing(other):
        assert other.run_once() == 0


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_an_outage_delays_decisions_and_loses_none(
    kafka_broker: str, topics: Callable[..., str], store: ReviewStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", logger="kafka")  # a kept log record would keep the error and its sockets
    topic, (port,) = topics(), free_ports(1)
    settings = {"bootstrap_servers": [f"127.0.0.1:{port}"], "bootstrap_timeout_ms": 500}
    relay = DecisionRelay(store.engine, settings, topic, PLATFORM)
    with pytest.raises(ConnectionLost, match=topic):
        relay.run_once()
    relay.close()
    gc.collect()  # kafka-python leaves a refused socket to the collector; its warning belongs here, not in a later test
    with closing(relay_to(kafka_broker, store, topic)) as relay:
        assert relay.run_once() == 2


def test_decisions_wait_in_order_while_a_topic_refuses_all(
    kafka_broker: str, topics: Callable[..., str], store: ReviewStore
) -> None:
    with closing(relay_to(kafka_broker, store, "not a topic name")) as relay:
        assert relay.run_once() == 0
        assert relay.run_once() == 0
    with store.engine.connect().execution_options(reading=True) as connection:
        reasons = connection.scalars(text("SELECT refused_reason FROM decisions")).all()
    assert reasons == [None, None]
    topic = topics()
    with closing(relay_to(kafka_broker, store, topic)) as relay:
        assert relay.run_once() == 2
    assert len(values(kafka_broker, topic)) == 2


def test_a_refused_decision_is_marked_and_a_refusing_topic_marks_none(store: ReviewStore) -> None:
    class Sent:
        def __init__(self, error: Exception | None) -> None:
            self.error = error

        def get(self, timeout: float) -> None:
            if self.error is not None:
                raise self.error

    class Fake:
        errors: ClassVar[list[Exception | None]] = []

        def ensure(self, topic: str) -> None: ...

        def send(self, *_: Any, **__: Any) -> Sent:
            return Sent(self.errors.pop(0))

        def close(self, **_: Any) -> None: ...

    def marks() -> list[tuple[bool, bool]]:
        with store.engine.connect().execution_options(reading=True) as connection:
            rows = connection.execute(text("SELECT sent_at, refused_reason FROM decisions ORDER BY id")).all()
        return [(sent is not None, reason is not None) for sent, reason in rows]

    relay = DecisionRelay(store.engine, {}, "decisions", PLATFORM)
    relay._topics = relay._producer = Fake()  # type: ignore[assignment]
    Fake.errors = [TopicAuthorizationFailedError(), None]
    assert relay.run_once() == 0
    assert marks() == [(False, False), (False, False)]
    relay._backoff.succeeded("decisions")
    Fake.errors = [MessageSizeTooLargeError()]
    assert relay.run_once() == 1
    assert marks() == [(False, True), (False, False)]


def test_decisions_about_an_account_wait_for_one_that_was_refused(
    kafka_broker: str, topics: Callable[..., str], store: ReviewStore
) -> None:
    decide(store, account_key(PLATFORM, "a2"), "uncertain")
    with closing(relay_to(kafka_broker, store, topics(configs={"max.message.bytes": "100"}))) as relay:
        assert relay.run_once() == 2  # the first decision about each account is refused
        assert relay.run_once() == 0
    decide(store, KEY, "not_a_violation")
    topic = topics()
    with closing(relay_to(kafka_broker, store, topic)) as relay:
        assert relay.run_once() == 4
        assert relay.run_once() == 0
    sent = [(one["account_id"], one["verdict"]) for one in values(kafka_broker, topic)]
    assert [verdict for account, verdict in sent if account == "a1"] == ["confirmed", "withdrawn", "not_a_violation"]
    assert ("a2", "uncertain") in sent


def test_one_relay_that_fails_holds_up_no_other() -> None:
    ran: list[str] = []

    class Fake:
        def __init__(self, name: str, error: bool) -> None:
            self.name, self.error = name, error

        def run_once(self, limit: int = 500, **_: Any) -> int:
            ran.append(self.name)
            if self.error:
                raise ConnectionLost(f"{self.name} fails")
            return limit

        def close(self) -> None:
            ran.append(f"{self.name} closed")

    both = Relays(Fake("one", True), Fake("two", False))
    with pytest.raises(ConnectionLost, match="one fails"):
        both.run_once(3)
    both.close()
    assert ran == ["one", "two", "one closed", "two closed"]
    assert Relays(Fake("two", False)).run_once(3) == 3
