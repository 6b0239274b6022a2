"""The demo platform of the compose file, on a real broker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaConnectionError

from moderation.demo import stream
from moderation.demo.stream import produce
from moderation.errors import ConnectionLost
from moderation.events import Deletion, Event, Follow, Label, Post, decode
from moderation.settings import KafkaSettings

AT = datetime(2026, 1, 5, 10, tzinfo=UTC)


def events() -> list[Event]:
    """One event of each kind."""
    return [
        Follow.model_construct(account_id="a1", target_account_id="a2", at=AT),
        Post.model_construct(post_id="p1", account_id="a1", text="Where is my bus?", created_at=AT),
        Deletion.model_construct(post_id="p1", account_id="a1", at=AT),
        Label.model_construct(post_id="p1", account_id=None, verdict="uncertain", at=AT, source="reviewers"),
    ]


def test_each_kind_goes_to_its_topic_with_its_account_as_key(kafka_broker: str, topics: Callable[..., str]) -> None:
    posts, follows, deletions = topics(1), topics(1), topics(1)
    settings = KafkaSettings(bootstrap_servers=kafka_broker, posts=posts, follows=follows, deletions=deletions)
    assert produce(settings, iter(events()), 1000.0) == 3, "labels have no topic here"
    consumer = KafkaConsumer(bootstrap_servers=[kafka_broker], auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, 0) for topic in (posts, follows, deletions)])
    found: dict[str, tuple[bytes, str]] = {}
    while len(found) < 3:
        for name, records in consumer.poll(timeout_ms=1000).items():
            for record in records:
                kind = type(decode(record.value, arrival_ms=int(AT.timestamp() * 1000))).__name__
                found[name.topic] = (record.key, kind)
    consumer.close()
    assert found == {posts: (b"a1", "Post"), follows: (b"a1", "Follow"), deletions: (b"a1", "Deletion")}


def test_a_broker_that_does_not_answer_is_one_error_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_config: object) -> None:
        raise KafkaConnectionError("refused")

    monkeypatch.setattr(stream, "open_client", refuse)
    settings = KafkaSettings(bootstrap_servers="127.0.0.1:9")
    with pytest.raises(ConnectionLost, match="the demo cannot produce to"):
        produce(settings, iter(events()), 1000.0)
