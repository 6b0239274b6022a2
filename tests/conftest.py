"""Real servers as fixtures: one broker and one PostgreSQL for the whole run, topics and databases per test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from tests.services.kafka_broker import Broker
from tests.services.postgres import Postgres


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real Kafka broker."""
    broker = Broker(tmp_path_factory.mktemp("kafka"))
    yield broker.bootstrap
    broker.close()


@pytest.fixture
def topics(kafka_broker: str) -> Iterator[Callable[..., str]]:
    """Creates topics with a number of partitions; they are deleted afterwards."""
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
    made: list[str] = []

    def make(partitions: int = 1, name: str | None = None) -> str:
        made.append(name or f"t-{uuid4().hex[:12]}")
        admin.create_topics([NewTopic(made[-1], partitions, 1)], timeout_ms=30_000)
        return made[-1]

    yield make
    admin.delete_topics(made, timeout_ms=30_000)
    admin.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A real PostgreSQL."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> str:
    """URL of an empty PostgreSQL database."""
    return postgres_server.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/review.sqlite"
    return str(request.getfixturevalue("postgres_url"))
