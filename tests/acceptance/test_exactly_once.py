"""The main promise, on a real broker, a real PostgreSQL and the shipped models: no post lost, no flag doubled."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.acceptance.scenario import Scenario, build_scenario
from tests.acceptance.stream import Produced, Topics, group_offsets, produce, read_all

PARTITIONS = 4
RUN_TIMEOUT_S = 240
LEASE_TTL_S = 3


@dataclass(frozen=True)
class Run:
    """One deployment under test: its settings file, its topics and what was put on them."""

    settings: Path
    database_url: str
    bootstrap: str
    topics: Topics
    produced: Produced
    group: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """The sidecar as a process of its own, which logs into a file: nobody has to empty a pipe for it to go on."""
        module = "tests.acceptance.sidecar_process"
        command = [sys.executable, "-m", module, str(self.settings), str(self.trace), *arguments]
        with self.log.open("wb") as log:
            process = subprocess.Popen(command, stderr=log)
        self.processes.append(process)
        return process

    @property
    def log(self) -> Path:
        """What the last process logged."""
        return self.settings.with_suffix(".log")

    def said(self) -> str:
        """The end of the log, for the message of a failure."""
        return self.log.read_text(encoding="utf-8")[-6000:]

    @property
    def trace(self) -> Path:
        """Steps and commits of all runs, one after the other."""
        return self.settings.with_suffix(".trace")

    def ledger(self) -> dict[tuple[str, int], int]:
        """Committed position by topic and partition."""
        return {
            (topic, partition): position
            for topic, partition, position in self.query("SELECT topic, partition, position FROM ledger")
            if position is not None
        }

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Rows of a statement, read in a connection of its own."""
        engine = create_engine(self.database_url.replace("postgresql://", "postgresql+psycopg://"))
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(text(statement))]
        finally:
            engine.dispose()

    def flags(self) -> list[str]:
        """Flagged post ids, one per row."""
        return sorted(str(row[0]) for row in self.query("SELECT post_id FROM flags"))


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """Events written by us, and what `moderation score` says of them."""
    return build_scenario(tmp_path_factory.mktemp("scenario"))


BACKENDS = ["memory", "disk", "redis"]


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
    named = Topics(topics(PARTITIONS), topics(2), topics(1), topics(1))
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
[batch]
max_records = 64
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


def run_to_the_end(run: Run, *arguments: str) -> None:
    """Start, wait until the ledger stands at the end of every topic, end with SIGTERM and demand exit code 0."""
    process = run.start(*arguments)
    deadline = time.monotonic() + RUN_TIMEOUT_S
    while sum(run.ledger().values()) < run.produced.records:
        if process.poll() is not None:
            raise AssertionError(f"ended early with {process.returncode}: {run.said()}")
        assert time.monotonic() < deadline, f"{run.ledger()} of {run.produced.records} records: {run.said()}"
        time.sleep(0.3)
    process.terminate()
    assert process.wait(timeout=RUN_TIMEOUT_S) == 0, run.said()


def run_until_killed(run: Run, *arguments: str) -> None:
    """Start and wait for the process to kill itself."""
    process = run.start(*arguments)
    try:
        ended = process.wait(timeout=RUN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"not killed within {RUN_TIMEOUT_S} s: {run.said()}") from None
    assert ended == -9, run.said()


def assert_killed_at(run: Run, step: str) -> None:
    """The process went no further than this step, and the ledger stands where its last commit put it."""
    lines = [json.loads(line) for line in run.trace.read_text().splitlines()]
    steps = [line["step"] for line in lines if "step" in line]
    assert steps[-1] == step
    committed = {(topic, partition): offset for line in lines for topic, partition, offset in line.get("committed", [])}
    assert {place: position for place, position in run.ledger().items() if position} == committed


def told(run: Run) -> int:
    """Records that the consumer group has been told are done, over all topics."""
    named = run.topics
    counts = {named.posts: PARTITIONS, named.follows: 2, named.deletions: 1, named.labels: 1}
    return sum(
        sum(group_offsets(run.bootstrap, run.group, topic, partitions).values()) for topic, partitions in counts.items()
    )


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_two_kills_lose_nothing_and_double_nothing(deploy: Run, scenario: Scenario) -> None:
    run_until_killed(deploy, "--kill", "committed:40")
    assert_killed_at(deploy, "committed")
    before = deploy.ledger()
    assert told(deploy) < sum(before.values()), "the database had committed, the broker did not know yet"

    run_until_killed(deploy, "--kill", "before_commit:90")  # the silent rebuild passes this step up to 40 times
    assert_killed_at(deploy, "before_commit")
    after = deploy.ledger()
    assert sum(after.values()) > sum(before.values()), "the second run moved on before it was killed"
    assert sum(after.values()) < deploy.produced.records

    run_to_the_end(deploy)
    assert deploy.flags() == sorted(scenario.expected_flags)
    letters = read_all(deploy.bootstrap, f"{deploy.topics.posts}-dlt")
    origins = {
        (
            headers["__connect.errors.topic"].decode(),
            int(headers["__connect.errors.partition"]),
            int(headers["__connect.errors.offset"]),
        ): value
        for headers, value in letters
    }
    assert origins == deploy.produced.bad
    assert deploy.query("SELECT count(*) FROM outbox WHERE relayed_at IS NULL") == [(0,)]


def test_a_restart_at_the_end_rebuilds_silently_and_changes_nothing(deploy: Run, scenario: Scenario) -> None:
    run_to_the_end(deploy)
    first = deploy.query("SELECT count(*) FROM assessments")
    assert deploy.flags() == sorted(scenario.expected_flags)
    shutil.rmtree(deploy.settings.parent / "state")
    process = deploy.start()
    deadline = time.monotonic() + RUN_TIMEOUT_S
    while "INFO start: " not in deploy.said():
        assert process.poll() is None, deploy.said()
        assert time.monotonic() < deadline, deploy.said()
        time.sleep(0.1)
    assert f"{deploy.produced.records} records to rebuild" in deploy.said()
    time.sleep(3)
    process.terminate()
    assert process.wait(timeout=RUN_TIMEOUT_S) == 0, deploy.said()
    assert deploy.query("SELECT count(*) FROM assessments") == first
    assert deploy.flags() == sorted(scenario.expected_flags)


def test_a_loop_that_commits_offsets_first_loses_flags(deploy: Run, scenario: Scenario) -> None:
    """The check above would notice: the wrong order, killed at the same place, does not hold the promise."""
    for round_ in (120, 9, 6, 3):  # the first rounds hold the follows of the week before
        run_until_killed(deploy, "--offsets-first", "--kill", f"committed:{round_}")
    run_to_the_end(deploy, "--offsets-first")
    assert set(deploy.flags()) < set(scenario.expected_flags)


def test_the_scenario_is_the_one_the_promise_speaks_of(scenario: Scenario) -> None:
    kinds = [json.loads(line).get("type", "post") for line in scenario.good_lines]
    assert kinds.count("post") >= 3000
    assert {"follow", "deletion", "label"} <= set(kinds)
    assert len(scenario.expected_flags) >= 100
    assert scenario.near_threshold(above=True) >= 20
    assert scenario.near_threshold(above=False) >= 20


def test_what_is_expected_keeps_the_rules_that_no_setting_switches_off(scenario: Scenario) -> None:
    flags = [line for line in scenario.assessed if line["flag"]]
    assert len({line["post_id"] for line in flags}) == len(flags), "each once"
    for line in flags:
        assert len(set(line["families"])) >= 2, "two families agree"
        assert not set(line["families"]) <= {"typing", "network"}, "typing with network is not enough"
        assert line["risk"] > scenario.threshold
        assert line["reasons"]
    bare = [line for line in scenario.assessed if line["post_id"].startswith("bare")]
    assert bare
    assert all(line["risk"] is None and not line["flag"] for line in bare), "no flag from text alone"
    odd = [line for line in scenario.assessed if line["post_id"].startswith("odd")]
    assert odd
    assert all("client.ip" in line["missing"] and "typing.duration_ms" in line["missing"] for line in odd)
    assert all(line["truncated"] for line in scenario.assessed if line["post_id"].startswith("long"))
    assert not [line for line in scenario.assessed if line["post_id"].startswith("bad")]
