"""Progress of the dead-letter relay by topic, with a producer and an admin client that do what a test says."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.errors import (
    InvalidRecordError,
    KafkaTimeoutError,
    NotEnoughReplicasError,
    PolicyViolationError,
    TopicAuthorizationFailedError,
)

from connectors import deadletters, relay_topics
from connectors.deadletters import KafkaRelay
from connectors.relay_topics import RETRY_MAX_S, Backoff
from connectors.reviewdb import outbox
from connectors.reviewdb.schema import upgrade
from connectors.reviewdb.store import ReviewStore
from moderation.effects import DeadLetter, Effects, Origin, Partition
from moderation.errors import ConnectionLost

POSTS, FOLLOWS = Partition("c", "posts", "t", 0), Partition("c", "follows", "u", 0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReviewStore]:
    store = ReviewStore(f"sqlite:///{tmp_path / 'reviews.sqlite'}")
    upgrade(store.engine)
    yield store
    store.close()


def put(store: ReviewStore, where: Partition, count: int, size: int = 10) -> None:
    letters = [DeadLetter(Origin(where, number, 1, None, b"x" * size), "decode", "r") for number in range(count)]
    store.commit(store.claim("m", "o", [where]), Effects(dead_letters=letters))


@dataclass
class Future:
    """The answer to one record."""

    exception: Exception | None

    def succeeded(self) -> bool:
        return self.exception is None


@dataclass
class Cluster:
    """What the brokers answer, what was sent, and how often clients were opened."""

    refuse: Callable[[str], Exception | None] = lambda _topic: None
    create: Callable[[str], Exception | None] = lambda _topic: None
    open_error: Exception | None = None
    busy_flushes: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    opened: Counter[str] = field(default_factory=Counter)
    now_s: float = 1000.0

    def open(self, make: Any, **_config: Any) -> Any:
        if self.open_error is not None:
            raise self.open_error
        self.opened["admin" if make is KafkaAdminClient else "producer"] += 1
        return self

    def describe_topics(self, _topics: list[str]) -> list[dict[str, int]]:
        return [{"error_code": 3}]

    def create_topics(self, topics: dict[str, Any], **_options: Any) -> None:
        if (error := self.create(next(iter(topics)))) is not None:
            raise error

    def send(self, topic: str, **_record: Any) -> Future:
        self.sent[topic] += 1
        return Future(self.refuse(topic))

    def flush(self, timeout: float | None = None) -> None:
        if self.busy_flushes:
            self.busy_flushes -= 1
            raise KafkaTimeoutError

    def close(self, timeout: float | None = None) -> None:
        """Nothing is held."""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(relay_topics, "open_client", made.open)
    monkeypatch.setattr(deadletters, "Backoff", lambda: Backoff(lambda: made.now_s))
    return made


def relay(store: ReviewStore) -> KafkaRelay:
    return KafkaRelay(store, {}, partitions=[POSTS, FOLLOWS])


def only_posts(error: Exception) -> Callable[[str], Exception | None]:
    return lambda topic: error if topic == "posts-dlt" else None


@pytest.mark.parametrize("error", [TopicAuthorizationFailedError("posts-dlt"), PolicyViolationError("naming policy")])
@pytest.mark.parametrize("at", ["create", "send"])
def test_relay_of_topic_that_takes_no_letter_marks_them_all_and_sends_those_of_others(
    store: ReviewStore, cluster: Cluster, error: Exception, at: str
) -> None:
    put(store, POSTS, 300)
    put(store, FOLLOWS, 3)
    setattr(cluster, "create" if at == "create" else "refuse", only_posts(error))
    sending = relay(store)
    assert sending.run_once(100) == 303
    assert cluster.sent["follows-dlt"] == 3
    waiting, refused = store.unsent_letters()
    assert (waiting, list(refused.values())) == (0, [300])
    assert type(error).__name__ in next(iter(refused))
    tries = cluster.sent["posts-dlt"]
    put(store, Partition("c", "posts", "t", 1), 5)
    assert sending.run_once() == 0
    assert cluster.sent["posts-dlt"] == tries, "the topic is not tried again in each round"
    cluster.now_s += RETRY_MAX_S + 1
    assert sending.run_once() == 5
    assert store.unsent_letters()[1] == {next(iter(refused)): 305}
    assert cluster.opened["admin"] == 1


def test_relay_of_letters_refused_one_by_one_tries_each_once_and_again_at_the_next_start(
    store: ReviewStore, cluster: Cluster
) -> None:
    put(store, POSTS, 250)
    put(store, FOLLOWS, 3)
    cluster.refuse = only_posts(InvalidRecordError("compacted topic takes no record without a key"))
    sending = relay(store)
    while sending.run_once(100):
        pass
    assert cluster.sent == {"posts-dlt": 250, "follows-dlt": 3}
    assert [list(store.unsent_letters()[1].values()), cluster.opened["admin"]] == [[250], 1]
    cluster.refuse = lambda _topic: None
    assert relay(store).run_once(500) == 250
    assert store.unsent_letters() == (0, {})


def test_relay_of_topic_with_transient_error_backs_off_while_others_go(store: ReviewStore, cluster: Cluster) -> None:
    put(store, POSTS, 30)
    put(store, FOLLOWS, 30)
    cluster.refuse = only_posts(NotEnoughReplicasError())
    sending = relay(store)
    with pytest.raises(ConnectionLost, match=r"wait in the outbox: those of posts .*NotEnoughReplicas"):
        sending.run_once(10)
    assert cluster.sent["posts-dlt"] == 10
    while sending.run_once(10):
        pass
    assert cluster.sent == {"posts-dlt": 10, "follows-dlt": 30}
    assert store.unsent_letters() == (30, {}), "no letter is refused for an error that passes"
    tried = []
    for _ in range(1000):
        cluster.now_s += 1
        try:
            sending.run_once(10)
        except ConnectionLost:
            tried.append(cluster.now_s)
    assert [round(later - earlier) for earlier, later in pairwise(tried)][:3] == [2, 4, 8]
    assert len(tried) < 12
    cluster.refuse = lambda _topic: None
    cluster.now_s += RETRY_MAX_S
    while sending.run_once(10):
        pass
    assert store.unsent_letters() == (0, {})


def test_relay_without_broker_tries_no_further_topic(store: ReviewStore, cluster: Cluster) -> None:
    put(store, POSTS, 1)
    put(store, FOLLOWS, 1)
    cluster.open_error = KafkaTimeoutError("Unable to bootstrap")
    with pytest.raises(ConnectionLost, match=r"those of follows cannot be sent .KafkaConnectionError"):
        relay(store).run_once()


def test_relay_reports_progress_while_it_waits_for_the_brokers(store: ReviewStore, cluster: Cluster) -> None:
    put(store, POSTS, 5)
    cluster.busy_flushes = 7
    signs: list[int] = []
    assert relay(store).run_once(on_wait=lambda: signs.append(cluster.busy_flushes)) == 5
    assert set(range(7)) <= set(signs)


def test_outbox_loads_no_more_bytes_at_a_time_than_its_bound(
    store: ReviewStore, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_BYTES", 1_000_000)
    put(store, POSTS, 40, size=400_000)
    put(store, FOLLOWS, 1, size=3_000_000)
    assert [len(store.outbox(500, {("c", "posts")})), len(store.outbox(500, {("c", "follows")}))] == [2, 1]
    sending = relay(store)
    tracemalloc.start()
    while sending.run_once():
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert cluster.sent == {"posts-dlt": 40, "follows-dlt": 1}
    assert peak < 10_000_000


def test_outbox_does_not_load_refused_letters_again(store: ReviewStore, cluster: Cluster) -> None:
    put(store, POSTS, 50, size=100_000)
    cluster.refuse = only_posts(InvalidRecordError("no"))
    sending = relay(store)
    assert sending.run_once() == 50
    tracemalloc.start()
    assert sending.run_once() == 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
