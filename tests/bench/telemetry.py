"""The cost of the telemetry: `python -m tests.bench.telemetry`.

Judges the same posts from a real broker with and without metrics, probes and the log line of each batch, in turns, and
prints the ratio of the processor time and of the posts per second. While the telemetry is on, a program reads the
metrics every second, which is more often than Prometheus does. The text detector is off, because the share of
the telemetry is largest without it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient

from moderation import app
from moderation.settings import load_settings
from moderation.stream.observing import Batch, LoopView
from moderation.stream.pipeline import Outcome
from moderation.telemetry import opening
from moderation.telemetry.logs import set_up_logging
from moderation.telemetry.observing import Telemetry
from tests.bench.figures_file import measured_into
from tests.bench.pipeline import PARTITIONS, NoDetector, posts, produce
from tests.bench.processor import processor
from tests.services.broker import KafkaBroker
from tests.services.postgresql import PostgresServer
from tests.services.process import free_ports

READ_EVERY_S = 1.0


class Turn:
    """Measures a run from its first batch to the last post."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._began: tuple[float, float] | None = None
        self.done = threading.Event()
        self.figures: dict[str, float] = {}

    def on_batch(self, outcome: Outcome) -> None:
        """Note a committed batch."""
        if self._began is None:
            self._began = time.perf_counter(), time.process_time()
        self._left -= outcome.effects.counters.get("posts", 0)
        if self._left <= 0:
            wall, cpu = self._began
            self.figures = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
            self.done.set()


class Timed(Telemetry):
    """Adds up the processor time of the calls, which varies less than the ratio of two runs on a shared machine."""

    spent_s = 0.0

    def batch(self, batch: Batch) -> None:
        """Time the call."""
        began = time.thread_time()
        super().batch(batch)
        Timed.spent_s += time.thread_time() - began

    def view(self, view: LoopView) -> None:
        """Time the call."""
        began = time.thread_time()
        super().view(view)
        Timed.spent_s += time.thread_time() - began


def read_metrics(port: int, ended: threading.Event) -> None:
    """Read the metrics until *ended*."""
    while not ended.wait(READ_EVERY_S):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/metrics")
        connection.getresponse().read()
        connection.close()


def worker(settings_file: Path, count: int) -> None:
    """Judge the posts and print the figures."""
    turn, load, build = Turn(count), app.load_models, app.build_sidecar
    settings = load_settings(settings_file)

    def load_without(loaded: Any) -> Any:
        of, risk = load(loaded)
        return NoDetector(of.manifest_hash), risk

    def stopping(*arguments: Any) -> Any:
        sidecar = build(*arguments)
        threading.Thread(target=lambda: (turn.done.wait(), sidecar.stop()), daemon=True).start()
        return sidecar

    app.load_models = load_without  # type: ignore[assignment]
    app.build_sidecar = stopping
    opening.Telemetry = Timed  # type: ignore[misc]
    if settings.telemetry.port:
        set_up_logging("json")
        threading.Thread(target=read_metrics, args=(settings.telemetry.port, turn.done), daemon=True).start()
    app.run_sidecar(settings, on_batch=turn.on_batch)
    sys.stdout.write(json.dumps(turn.figures | {"observer_s": Timed.spent_s}) + "\n")


def one_turn(arguments: argparse.Namespace, bootstrap: str, url: str, name: str, port: int) -> dict[str, float]:
    """Return the figures of one run in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "sidecar.toml"
        settings.write_text(
            f'platform_id = "{name}"\npipeline = "{name}"\ndatabase_url = "{url}"\naddress_key = "{"k" * 64}"\n'
            f'[kafka]\nbootstrap_servers = "{bootstrap}"\nposts = "posts"\ngroup_id = "{name}"\n'
            f"[batch]\nmax_records = {arguments.batch}\nmax_bytes = 8388608\n[telemetry]\nport = {port}\n",
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "tests.bench.telemetry", "--worker", str(settings)]
        command += ["--posts", str(arguments.posts)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        found: dict[str, float] = json.loads(done.stdout)
        return found


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the ratios of runs in turns."""
    broker, database = KafkaBroker(), PostgresServer()
    try:
        url = database.create_database()
        admin = KafkaAdminClient(bootstrap_servers=[broker.address])
        admin.create_topics({"posts": {"num_partitions": PARTITIONS, "replication_factor": 1}}, wait_for_metadata=True)
        admin.close()
        upgrade = [sys.executable, "-m", "moderation", "db", "upgrade", "--database", url]
        subprocess.run(upgrade, check=True, capture_output=True)
        produce(broker.address, "posts", posts(arguments.posts, 20_000, random.Random(1)), arguments.posts)
        off, on = [], []
        for number in range(arguments.turns):
            off.append(one_turn(arguments, broker.address, url, f"off-{number}", 0))
            on.append(one_turn(arguments, broker.address, url, f"on-{number}", free_ports(1)[0]))
    finally:
        broker.close()
        database.close()
    ratios = {
        name: [with_it[name] / without[name] for with_it, without in zip(on, off, strict=True)]
        for name in ("cpu_s", "wall_s")
    }
    return {
        "processor": processor(),
        "posts": arguments.posts,
        "records_per_batch_at_most": arguments.batch,
        "turns": arguments.turns,
        "posts_per_s_without": round(arguments.posts / statistics.median(one["wall_s"] for one in off)),
        "posts_per_s_with": round(arguments.posts / statistics.median(one["wall_s"] for one in on)),
        "processor_time_with_by_without": round(statistics.median(ratios["cpu_s"]), 4),
        "all_ratios_of_processor_time": [round(ratio, 4) for ratio in ratios["cpu_s"]],
        "share_of_the_calls_of_the_loop": round(statistics.median(one["observer_s"] / one["cpu_s"] for one in on), 4),
        "time_with_by_without": round(statistics.median(ratios["wall_s"]), 4),
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=256, help="batch.max_records")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker, arguments.posts)
        return
    sys.stdout.write(json.dumps(measured_into(arguments.out, lambda: measure(arguments)), indent=2) + "\n")


if __name__ == "__main__":
    main()
