"""Metrics and probes of a sidecar on a real broker and a real database."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from kafka import KafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from connectors.reviewdb.engine import open_engine
from connectors.reviewdb.schema import upgrade
from moderation import app
from moderation.settings import Settings
from moderation.stream.sidecar import Sidecar
from tests.services.postgresql import PostgresServer
from tests.services.process import free_ports

TIMEOUT_S = 120.0
Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body; 0 while nothing listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def values(port: int) -> Values:
    families = text_string_to_metric_families(get(port, "/metrics")[1])
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


@dataclass
class Running:
    """A sidecar in a thread, which a test can hold up between two steps."""

    settings: Settings
    port: int
    sidecar: list[Sidecar]
    held: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    hold: bool = False

    def on_step(self, step: str) -> None:
        if self.hold and step == "scoring":
            self.held.set()
            assert self.go_on.wait(TIMEOUT_S)


@pytest.fixture
def running(
    kafka_broker: str, topics: Callable[..., str], own_postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Running]:
    url = own_postgres_server.create_database()
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    (port,) = free_ports(1)
    topic = topics(2)
    settings = Settings(
        database_url=url,  # type: ignore[arg-type]
        address_key="k" * 64,  # type: ignore[arg-type]
        kafka={"bootstrap_servers": kafka_broker, "posts": topic, "group_id": topic},  # type: ignore[arg-type]
        telemetry={"port": port},  # type: ignore[arg-type]
    )
    built: list[Sidecar] = []
    # It would end the test run, because the sidecar is in its process.
    monkeypatch.setattr(app, "_watch", lambda _sidecar, _bound_s: None)
    begin = Sidecar.run
    monkeypatch.setattr(Sidecar, "run", lambda self: (built.append(self), begin(self))[1])
    run = Running(settings, port, built)
    ended: list[object] = []
    thread = threading.Thread(target=lambda: ended.append(app.run_sidecar(settings, on_step=run.on_step)))
    thread.start()
    yield run
    run.hold = False
    run.go_on.set()
    until(lambda: built, "no loop")
    built[0].stop()
    thread.join(TIMEOUT_S)
    assert ended, "ended with an error"


def produce(run: Running, count: int) -> None:
    producer = KafkaProducer(bootstrap_servers=run.settings.kafka.bootstrap_servers)
    begin = datetime.now(UTC) - timedelta(seconds=count)
    for number in range(count):
        at = (begin + timedelta(seconds=number)).isoformat()
        post = {"post_id": f"p{number}", "account_id": f"a{number % 3}", "created_at": at, "text": "Where is my bus?"}
        producer.send(run.settings.kafka.posts, json.dumps(post).encode(), partition=number % 2)
    producer.send(run.settings.kafka.posts, b"no JSON", partition=0)
    producer.flush()
    producer.close()


def test_metrics_after_posts_have_counts_lag_and_versions(running: Running) -> None:
    until(lambda: get(running.port, "/readyz")[0] == 200, "never ready")
    produce(running, 20)
    name = ("moderation_posts_total", (("outcome", "clear"),))
    until(lambda: values(running.port).get(name) == 20, "posts are not counted")
    lag = [
        ("moderation_consumer_lag_records", (("partition", p), ("topic", running.settings.kafka.posts))) for p in "01"
    ]
    until(lambda: [values(running.port).get(one) for one in lag] == [0, 0], "lag remains")
    found = values(running.port)
    assert found["moderation_dead_letters_total", (("reason", "decode"),)] == 1
    assert found["moderation_post_latency_seconds_count", ()] == 20
    assert found["moderation_texts_scored_total", (("rule", "all"),)] == 20
    for stage in ("decode", "order", "state", "features", "tokenize", "inference", "risk", "commit"):
        assert found["moderation_stage_duration_seconds_count", (("stage", stage),)] >= 1
    (build,) = (dict(labels) for metric, labels in found if metric == "moderation_build_info")
    assert build["certificate"] == "certified for 0.0001, simulated accounts"
    assert [get(running.port, path) for path in ("/startupz", "/livez")] == [(200, "ok\n")] * 2


def test_livez_fails_while_the_loop_stands_still(running: Running) -> None:
    until(lambda: get(running.port, "/readyz")[0] == 200, "never ready")
    running.hold = True
    produce(running, 20)
    assert running.held.wait(TIMEOUT_S)
    assert get(running.port, "/livez") == (200, "ok\n"), "younger than watchdog_s"
    running.sidecar[0]._last_beat -= running.settings.watchdog_s  # as if the time had passed
    status, why = get(running.port, "/livez")
    assert (status, "no progress" in why) == (503, True)
    running.hold = False
    running.go_on.set()
    until(lambda: get(running.port, "/livez")[0] == 200, "still dead")


def test_readyz_fails_without_the_database_and_livez_does_not(
    running: Running, own_postgres_server: PostgresServer
) -> None:
    until(lambda: get(running.port, "/readyz")[0] == 200, "never ready")
    own_postgres_server.process.stop()
    until(lambda: get(running.port, "/readyz") == (503, "the review database does not answer\n"), "still ready")
    assert get(running.port, "/livez")[0] == 200
    own_postgres_server.restart()
    until(lambda: get(running.port, "/readyz")[0] == 200, "never ready again")
