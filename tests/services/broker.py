"""One Apache Kafka broker (KRaft: broker and controller in one process), on free ports, in a folder of its own."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from connectors.kafka_opening import open_client
from tests.services.java import broker_jars, java
from tests.services.process import ServerProcess, ServiceError, free_ports, listening, new_folder

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
num.partitions=4
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.initial.task.delay.ms=1000
log.retention.check.interval.ms=1000
"""
"""Expired records go within a second or two; a broker left alone takes five minutes, longer than a test runs."""
LISTS = ("listeners", "advertised.listeners", "listener.security.protocol.map")
JVM = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class KafkaBroker:
    """A broker that can be started, stopped, killed and frozen; its log segments outlive a restart.

    *more* are properties beside those of every broker, and *users* arguments of the tool that formats its folder.
    """

    def __init__(self, more: str = "", users: Sequence[str] = ()) -> None:
        self._java, self._jars = java(), broker_jars()
        self._folder = new_folder("kafka")
        self._port, controller = free_ports(2)
        self._config = self._folder / "server.properties"
        self._config.write_text(
            _properties(PROPERTIES.format(port=self._port, controller=controller, folder=self._folder), more),
            encoding="ascii",
        )
        cluster_id = base64.urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode()
        answer = subprocess.run(
            self._command(
                "kafka.tools.StorageTool",
                *("format", "--standalone", f"--cluster-id={cluster_id}"),
                *(argument for user in users for argument in ("--add-scram", user)),
                "-c",
            ),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if answer.returncode != 0:
            raise ServiceError(f"the broker's folder could not be formatted:\n{answer.stdout}{answer.stderr}")
        self.process = self._start()

    @property
    def address(self) -> str:
        """host:port for `bootstrap_servers`."""
        return f"127.0.0.1:{self._port}"

    @property
    def folder(self) -> Path:
        """Folder of the broker's configuration and, under `data`, its log segments."""
        return self._folder

    def restart(self) -> None:
        """Start again after `process.stop()` or `process.kill()`, at the same address with the same log."""
        self.process = self._start()

    def close(self) -> None:
        """End the broker and drop its data; the log file stays."""
        self.process.thaw()
        self.process.kill()
        shutil.rmtree(self._folder / "data", ignore_errors=True)

    def _start(self) -> ServerProcess:
        process = ServerProcess("kafka", self._command("kafka.Kafka"), self._folder)
        process.wait_until(self._ready)
        return process

    def _command(self, main_class: str, *arguments: str) -> list[str]:
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return [self._java, *JVM, quiet, "-cp", f"{self._jars}/*", main_class, *arguments, str(self._config)]

    def _ready(self) -> bool:
        if not listening(self._port):
            return False
        try:
            admin = open_client(KafkaAdminClient, bootstrap_servers=[self.address], bootstrap_timeout_ms=5_000)
        except (KafkaError, OSError):
            return False
        try:
            return bool(admin.describe_cluster()["brokers"])
        except (KafkaError, OSError):
            return False
        finally:
            admin.close()


def _properties(of_every_broker: str, more: str) -> str:
    """Add properties; what *more* lists for a name of a list is appended to the list."""
    found = dict(line.split("=", 1) for line in of_every_broker.splitlines())
    for line in more.splitlines():
        name, value = line.split("=", 1)
        found[name] = f"{found[name]},{value}" if name in LISTS else value
    return "".join(f"{name}={value}\n" for name, value in found.items())
