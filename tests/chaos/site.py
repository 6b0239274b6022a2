"""Sidecars of one run of faults, started again when they end, and how far they are."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import OperationalError

from moderation.risk.bundle import SHIPPED
from tests.acceptance.deployment import Run
from tests.chaos.servers import Servers
from tests.chaos.small_disk import SmallDisk

STEP_TIMEOUT_S = 240.0
RESTART_AFTER_S = 1.0
UNIT = Path(__file__).parents[2] / "deploy" / "moderation.service"


def not_restarted(unit: str) -> frozenset[int]:
    """Return the exit codes after which systemd does not start a unit again."""
    found = re.search(r"^RestartPreventExitStatus=([\d ]+)$", unit, re.MULTILINE)
    return frozenset(map(int, found[1].split())) if found is not None else frozenset()


PERMANENT = not_restarted(UNIT.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Deployment:
    """What runs: the backend of the state, the number of sidecars, and whether PgBouncer is before PostgreSQL."""

    name: str
    backend: str
    sidecars: int = 1
    pooled: bool = False


DEPLOYMENTS = {
    found.name: found
    for found in (
        Deployment("memory", "memory"),
        Deployment("disk", "disk"),
        Deployment("redis", "redis"),
        Deployment("two", "redis", sidecars=2),
        Deployment("pooled", "memory", pooled=True),
    )
}


class Member:
    """One sidecar with its settings, its clock, its disk and its log."""

    def __init__(self, folder: Path, settings: str) -> None:
        folder.mkdir()
        self.settings, self.log, self._clock = folder / "sidecar.toml", folder / "sidecar.log", folder / "clock"
        self.disk = SmallDisk(folder / "state")
        self.settings.write_text(settings.replace("DIRECTORY", str(self.disk.directory)), encoding="utf-8")
        self.step_clock(0)
        self.ends: Counter[int] = Counter()
        """Number of ends by exit code."""
        self._ended_at: float | None = None
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        module = [sys.executable, "-m", "tests.chaos.stepped_clock", str(self._clock)]
        with self.log.open("ab") as log:
            return subprocess.Popen([*module, "run", "--config", str(self.settings)], stderr=log)

    def step_clock(self, seconds: float) -> None:
        """Let the wall clock of the sidecar differ by so much."""
        partial = self._clock.with_suffix(".partial")
        partial.write_text(str(seconds), encoding="ascii")
        partial.replace(self._clock)

    def keep_running(self) -> None:
        """Start again a moment after an end, as systemd does; raise AssertionError where systemd would not."""
        code = self.process.poll()
        if code is None:
            return
        if self._ended_at is None:
            self._ended_at = time.monotonic()
            self.ends[code] += 1
            if code in PERMANENT:
                raise AssertionError(f"ended with {code}, after which systemd starts nothing again:\n{self.tail()}")
        if time.monotonic() - self._ended_at >= RESTART_AFTER_S:
            self._ended_at = None
            self.process = self._start()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, where it runs."""
        if self.process.poll() is None:
            os.kill(self.process.pid, number)

    def tail(self) -> str:
        """The end of the log."""
        return self.whole_log()[-4000:]

    def whole_log(self) -> str:
        """The log of all processes."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """End the process and remove its disk."""
        self.process.kill()
        self.process.wait()
        self.disk.close()


class Site:
    """The sidecars of a deployment on topics, a database and a state of their own."""

    def __init__(self, folder: Path, deployment: Deployment, servers: Servers, lines: Sequence[bytes]) -> None:
        self.servers, self.deployment = servers, deployment
        database = servers.pooler.port if deployment.pooled else int(servers.database.address.rpartition(":")[2])
        servers.database_proxy.target_port = database
        topics, produced, url = servers.begin(folder.name, lines)
        name, port = url.rpartition("/")[2], servers.database_proxy.port
        self.run = Run(folder / "unused.toml", url, servers.broker.address, topics, produced, folder.name)
        settings = (
            f'pipeline = "chaos"\nplatform_id = "acceptance"\naddress_key = "{"k" * 64}"\nlease_ttl_s = 3\n'
            "evidence_days = 36500\n"  # the events lie in the past, so that evidence would expire meanwhile
            f'database_url = "postgresql://postgres@127.0.0.1:{port}/{name}"\n'
            f'[kafka]\nbootstrap_servers = "127.0.0.1:{servers.broker_proxy.port}"\ngroup_id = "{folder.name}"\n'
            f'posts = "{topics.posts}"\nfollows = "{topics.follows}"\ndeletions = "{topics.deletions}"\n'
            f'labels = "{topics.labels}"\nsession_timeout_ms = 6000\n[batch]\nmax_records = 16\n'
            "[audit]\nrate = 1.0\n"  # so that the features of every post are compared
            f'[trial]\nrisk = "{SHIPPED}"\nshare = 0.5\n'  # both models judge every post and decide about half each
            f'[state]\nbackend = "{deployment.backend}"\nredis_url = "redis://127.0.0.1:{servers.redis_proxy.port}/0"\n'
            'directory = "DIRECTORY"\nsave_every_s = 1\nfollows_complete_from = "2000-01-01T00:00:00Z"\n'
        )
        folder.mkdir()
        self.members = [Member(folder / f"sidecar-{number}", settings) for number in range(deployment.sidecars)]

    @property
    def ends(self) -> Counter[int]:
        """Number of ends of all sidecars by exit code."""
        return sum((member.ends for member in self.members), Counter())

    def keep_running(self) -> None:
        """Start the sidecars again that have ended."""
        for member in self.members:
            member.keep_running()

    def done(self) -> int:
        """Number of records that the ledger has passed."""
        with contextlib.suppress(OperationalError):
            return sum(self.run.ledger().values())
        return 0

    def wait_until(self, records: int) -> None:
        """Wait until the ledger has passed so many records, keeping the sidecars running."""
        deadline = time.monotonic() + STEP_TIMEOUT_S
        while self.done() < records:
            self.keep_running()
            if time.monotonic() > deadline:
                tails = "\n\n".join(member.tail() for member in self.members)
                raise AssertionError(f"stands at {self.run.ledger()} of {records}:\n{tails}")
            time.sleep(0.1)

    def close(self) -> None:
        """End the sidecars."""
        for member in self.members:
            member.close()
