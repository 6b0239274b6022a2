"""Servers and a sidecar of one run of faults, and what they left in the database."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from kafka import KafkaAdminClient
from sqlalchemy.exc import OperationalError

from tests.acceptance.deployment import PARTITIONS, Run
from tests.acceptance.stream import Topics, produce
from tests.services.broker import KafkaBroker
from tests.services.postgresql import PostgresServer
from tests.services.redis import RedisServer

STEP_TIMEOUT_S = 240.0
UNIT = Path(__file__).parents[2] / "deploy" / "moderation.service"


def not_restarted(unit: str) -> frozenset[int]:
    """Return the exit codes after which systemd does not start a unit again."""
    found = re.search(r"^RestartPreventExitStatus=([\d ]+)$", unit, re.MULTILINE)
    return frozenset(map(int, found[1].split())) if found is not None else frozenset()


PERMANENT = not_restarted(UNIT.read_text(encoding="utf-8"))


class Site:
    """A broker with the records of a scenario, a database, Redis, and a sidecar that is started again when it ends."""

    def __init__(self, folder: Path, backend: str, lines: list[bytes]) -> None:
        self.broker, self.database, self.redis = KafkaBroker(), PostgresServer(), RedisServer()
        named = Topics("posts", "follows", "deletions", "labels")
        admin = KafkaAdminClient(bootstrap_servers=[self.broker.address])
        for topic, partitions in ((named.posts, PARTITIONS), (named.follows, 2), (named.deletions, PARTITIONS)):
            admin.create_topics(
                {topic: {"num_partitions": partitions, "replication_factor": 1}}, wait_for_metadata=True
            )
        for topic in (named.labels, f"{named.posts}-dlt"):
            admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
        admin.close()
        produced = produce(self.broker.address, named, lines)
        url = self.database.create_database()
        subprocess.run([sys.executable, "-m", "moderation", "db", "upgrade", "--database", url], check=True)
        settings = folder / "sidecar.toml"
        settings.write_text(
            f'pipeline = "chaos"\nplatform_id = "acceptance"\ndatabase_url = "{url}"\naddress_key = "{"k" * 64}"\n'
            f'lease_ttl_s = 3\n[kafka]\nbootstrap_servers = "{self.broker.address}"\ngroup_id = "chaos"\n'
            'posts = "posts"\nfollows = "follows"\ndeletions = "deletions"\nlabels = "labels"\n'
            "session_timeout_ms = 6000\n[batch]\nmax_records = 16\n"
            f'[state]\nbackend = "{backend}"\nredis_url = "{self.redis.url}"\ndirectory = "{folder}/state"\n'
            'save_every_s = 1\nfollows_complete_from = "2000-01-01T00:00:00Z"\n',
            encoding="utf-8",
        )
        self.run = Run(settings, url, self.broker.address, named, produced, "chaos")
        self.log = folder / "sidecar.log"
        self.restarts: dict[int, int] = {}
        """Number of ends by exit code."""
        self.sidecar = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "moderation", "run", "--config", str(self.run.settings)]
        with self.log.open("ab") as log:
            return subprocess.Popen(command, stderr=log)

    def keep_running(self) -> None:
        """Start the sidecar again where it ended, as systemd does; raise AssertionError where systemd would not."""
        code = self.sidecar.poll()
        if code is not None:
            self.restarts[code] = self.restarts.get(code, 0) + 1
            if code in PERMANENT:
                raise AssertionError(f"ended with {code}, after which systemd starts nothing again:\n{self.tail()}")
            self.sidecar = self._start()

    def freeze_sidecar(self) -> None:
        """Stop the process without ending it."""
        self.sidecar.send_signal(signal.SIGSTOP)

    def thaw_sidecar(self) -> None:
        """Let it continue."""
        self.sidecar.send_signal(signal.SIGCONT)

    def done(self) -> int:
        """Number of records that the ledger has passed."""
        with contextlib.suppress(OperationalError):
            return sum(self.run.ledger().values())
        return 0

    def wait_until(self, records: int) -> None:
        """Wait until the ledger has passed so many records, keeping the sidecar running."""
        deadline = time.monotonic() + STEP_TIMEOUT_S
        while self.done() < records:
            self.keep_running()
            if time.monotonic() > deadline:
                raise AssertionError(f"stands at {self.run.ledger()} of {records}:\n{self.tail()}")
            time.sleep(0.1)

    def tail(self) -> str:
        """The end of the sidecar's log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def close(self) -> None:
        """End everything."""
        self.sidecar.kill()
        self.sidecar.wait()
        for server in (self.redis, self.database, self.broker):
            server.close()
