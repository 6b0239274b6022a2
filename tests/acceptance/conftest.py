"""The scenario of the acceptance tests, and deployments of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.deployment import LEASE_TTL_S, MOST_IN_A_BATCH, PARTITIONS, RUN_TIMEOUT_S, Run
from tests.acceptance.scenario import Scenario, build_scenario
from tests.acceptance.stream import Topics, produce


@pytest.fixture(scope="session")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """Events written by us, and what `moderation score` says of them."""
    return build_scenario(tmp_path_factory.mktemp("scenario"))


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    """Value of state.backend: memory, or the parameter of the test."""
    return getattr(request, "param", "memory")


@pytest.fixture
def deploy(
    scenario: Scenario,
    tmp_path: Path,
    kafka_broker: str,
    topics: Callable[..., str],
    postgres_url: str,
    backend: str,
    request: pytest.FixtureRequest,
) -> Iterator[Run]:
    """The scenario on topics of its own and an empty review database."""
    named = Topics(topics(PARTITIONS), topics(2), topics(PARTITIONS), topics(1))
    topics(1, name=f"{named.posts}-dlt")
    produced = produce(kafka_broker, named, scenario.lines)
    settings = tmp_path / "sidecar.toml"
    settings.write_text(
        f"""
pipeline = "{named.posts}"
platform_id = "acceptance"
database_url = "{postgres_url}"
address_key = "{"k" * 64}"
lease_ttl_s = {LEASE_TTL_S}
log_format = "text"
[kafka]
bootstrap_servers = "{kafka_broker}"
group_id = "{named.posts}-group"
posts = "{named.posts}"
follows = "{named.follows}"
deletions = "{named.deletions}"
labels = "{named.labels}"
session_timeout_ms = 6000
stalled_ms = {RUN_TIMEOUT_S * 1000}
[batch]
max_records = {MOST_IN_A_BATCH}
[state]
backend = "{backend}"
redis_url = "{request.getfixturevalue("redis_url") if backend == "redis" else ""}"
directory = "{tmp_path}/state"
save_every_s = 2
follows_complete_from = "2000-01-01T00:00:00Z"
""",
        encoding="utf-8",
    )
    subprocess.run(
        [sys.executable, "-m", "moderation", "db", "upgrade", "--database", postgres_url],
        check=True,
        timeout=RUN_TIMEOUT_S,
    )
    run = Run(settings, postgres_url, kafka_broker, named, produced, f"{named.posts}-group")
    yield run
    for process in run.processes:
        process.kill()
        process.wait()
