"""One deployment under test: its settings, its topics, its processes, and what they left in the database."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import create_engine, text

from tests.acceptance.stream import Produced, Topics, group_offsets

PARTITIONS = 4
RUN_TIMEOUT_S = 240
LEASE_TTL_S = 3
MOST_IN_A_BATCH = 64


class Judged(NamedTuple):
    """A post that was judged, with its risk and what was missing."""

    post_id: str
    risk: float | None
    degraded: list[str]


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
        """The sidecar as a process of its own, which logs into a file, because a full pipe would stop it."""
        module = "tests.acceptance.sidecar_process"
        command = [sys.executable, "-m", module, str(self.settings), str(self.trace), *arguments]
        with self.log.open("wb") as log:
            process = subprocess.Popen(command, stderr=log)
        self.processes.append(process)
        return process

    def second(self) -> Run:
        """Another sidecar of the same pipeline, with a state directory and a log of its own."""
        settings = self.settings.with_name("second.toml")
        own = self.settings.read_text(encoding="utf-8").replace('/state"', '/second-state"')
        settings.write_text(own, encoding="utf-8")
        return replace(self, settings=settings)

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

    def traced(self) -> list[dict[str, Any]]:
        """The lines of the trace, of which a process that was killed can have written a part of the last one."""
        lines = self.trace.read_text(encoding="utf-8").splitlines(keepends=True) if self.trace.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def judged(self) -> list[Judged]:
        """Every post that was judged in a batch after which the process went on."""
        return [Judged(*one) for line in self.traced() for one in line.get("judged", [])]

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


def run_to_the_end(run: Run, *arguments: str) -> None:
    """Start, wait until the ledger stands at the end of every topic, end with SIGTERM and demand exit code 0."""
    end_when_done(run, run.start(*arguments))


def end_when_done(run: Run, process: subprocess.Popen[bytes]) -> None:
    """Do the same with a process that was started before."""
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
    lines = run.traced()
    steps = [line["step"] for line in lines if "step" in line]
    assert steps[-1] == step
    committed = {(topic, partition): offset for line in lines for topic, partition, offset in line.get("committed", [])}
    assert {place: position for place, position in run.ledger().items() if position} == committed


def committed(run: Run) -> int:
    """Batches that the processes of a settings file have committed so far."""
    return len([line for line in run.traced() if line.get("committed")])


def wait_for_commits(run: Run, process: subprocess.Popen[bytes], count: int) -> None:
    """Wait until a process has committed this many batches."""
    deadline = time.monotonic() + RUN_TIMEOUT_S
    while committed(run) < count:
        assert process.poll() is None, run.said()
        assert time.monotonic() < deadline, run.said()
        time.sleep(0.2)


def told(run: Run) -> int:
    """Records that the consumer group has been told are done, over all topics."""
    named = run.topics
    counts = {named.posts: PARTITIONS, named.follows: 2, named.deletions: PARTITIONS, named.labels: 1}
    return sum(
        sum(group_offsets(run.bootstrap, run.group, topic, partitions).values()) for topic, partitions in counts.items()
    )
