"""One Apache Kafka broker (KRaft, single node) from Maven Central's jars."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import time
from pathlib import Path

from tests.services.process import MissingService, free_port, listens, start, stop

HERE = Path(__file__).parent / "kafka"
START_TIMEOUT_S = 60
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
"""


def cache_folder() -> Path:
    """Where the jars are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "moderation-tests" / "kafka-4.3.1"


def install() -> None:
    """Fetch the jars with Maven, once. Raises MissingService when Java or Maven is not there."""
    jars = cache_folder()
    if any(jars.glob("kafka_2.13-*.jar")):
        return
    for tool, package in (("java", "openjdk-17-jre-headless"), ("mvn", "maven")):
        if shutil.which(tool) is None:
            raise MissingService(f"{tool} is not installed: apt-get install {package}")
    jars.mkdir(parents=True, exist_ok=True)
    command = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
    subprocess.run([*command, "-DincludeScope=runtime", f"-DoutputDirectory={jars}"], check=True)


class Broker:
    """A broker in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._classpath = f"{cache_folder()}/*"
        properties = folder / "server.properties"
        properties.write_text(PROPERTIES.format(port=self.port, controller=free_port(), folder=folder))
        cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
        tool = ["java", "-cp", self._classpath, "kafka.tools.StorageTool", "format", "--standalone"]
        formatted = subprocess.run(
            [*tool, "--cluster-id", cluster, "-c", str(properties)], capture_output=True, text=True, check=False
        )
        if formatted.returncode:
            raise MissingService(f"the Kafka broker cannot be set up: {formatted.stdout}{formatted.stderr}")
        self._log = folder / "broker.log"
        memory = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        self.process = start(
            ["java", *memory, quiet, "-cp", self._classpath, "kafka.Kafka", str(properties)], self._log
        )
        self._await()

    def _await(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not listens(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise MissingService(f"the Kafka broker did not start; its log: {self._log}")
            time.sleep(0.1)

    def close(self) -> None:
        """End the broker."""
        stop(self.process)
