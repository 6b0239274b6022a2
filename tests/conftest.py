"""Servers and databases for any test that asks for them; none is started for a test that does not."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from kafka import KafkaAdminClient
from kafka.errors import UnknownTopicOrPartitionError

from connectors.reviewdb.schema import upgrade
from connectors.reviewdb.store import ReviewStore
from tests.services.broker import KafkaBroker
from tests.services.postgresql import PostgresServer
from tests.services.redis import RedisServer

# Property tests also run on loaded machines with two cores, where slow generation is not a fault.
settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared-machine")


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[str]:
    """Address of the one broker of this test run. Do not stop it: `own_kafka_broker` is for that."""
    broker = KafkaBroker()
    yield broker.address
    broker.close()


@pytest.fixture
def own_kafka_broker() -> Iterator[KafkaBroker]:
    """A broker of the test's own, to stop, kill or freeze."""
    broker = KafkaBroker()
    yield broker
    broker.close()


@pytest.fixture
def topics(kafka_broker: str) -> Iterator[Callable[..., str]]:
    """Creates topics and deletes them after the test: `topics(4)` or `topics(1, name="posts-dlt")`.

    Dead-letter topics (`NAME-dlt`) that the code under test creates are deleted with theirs.
    """
    admin = KafkaAdminClient(bootstrap_servers=[kafka_broker])
    made: list[str] = []

    def create(partitions: int = 1, *, name: str | None = None, configs: dict[str, str] | None = None) -> str:
        topic = name or f"test-{uuid.uuid4().hex[:12]}"
        options = {"num_partitions": partitions, "replication_factor": 1, "configs": configs or {}}
        admin.create_topics({topic: options}, wait_for_metadata=True)
        made.append(topic)
        return topic

    yield create
    for topic in {*made, *(f"{name}-dlt" for name in made)}:
        try:
            admin.delete_topics([topic])
        except UnknownTopicOrPartitionError:
            continue
    admin.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The one PostgreSQL server of this test run. Do not stop it: `own_postgres_server` is for that."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def own_postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of the test's own, to stop, kill or freeze."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty PostgreSQL database of the test's own."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of the test's own: the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'reviews.sqlite'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


def migrated(url: str) -> str:
    store = ReviewStore(url)
    upgrade(store.engine)
    store.close()
    return url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with this version's tables, to copy."""
    file = tmp_path_factory.mktemp("migrated") / "reviews.sqlite"
    migrated(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> str:
    """A PostgreSQL database with this version's tables, to copy."""
    return migrated(postgres_server.create_database())


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own with this version's tables, without rows: on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        file = tmp_path / "reviews.sqlite"
        shutil.copy(request.getfixturevalue("migrated_file"), file)
        yield f"sqlite:///{file}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.create_database(request.getfixturevalue("migrated_template"))
    yield url
    server.drop_database(url)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The one Redis server of this test run."""
    server = RedisServer()
    yield server.url
    server.close()
