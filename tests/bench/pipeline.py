"""From Kafka to committed rows in PostgreSQL, on this machine: `python -m tests.bench.pipeline`.

Starts a broker and a database, fills a topic and measures a sidecar of its own process: posts per second, then the
latency from produce to committed row at a part of that rate, and the resident set. `--detector off` replaces the text
detector by one that returns no score. `--peer` counts the distinct accounts of the same topic with quix-streams.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from kafka import KafkaAdminClient, KafkaProducer

from moderation import app
from moderation.detector import ContentScore
from moderation.settings import load_settings
from moderation.stream.pipeline import Outcome
from tests.bench.figures_file import measured_into
from tests.bench.peer import distinct_accounts_per_s
from tests.bench.processor import processor
from tests.bench.state import resident_mib
from tests.services.broker import KafkaBroker
from tests.services.postgresql import PostgresServer
from tests.services.redis import RedisServer
from tests.texts import person_text

PARTITIONS = 4
SAMPLED = 0.02
"""Share of the posts in the audit sample, whose latency is measured."""


class NoDetector:
    """Stands for the detector of a manifest and returns no score."""

    def __init__(self, manifest_hash: str) -> None:
        self.manifest_hash = manifest_hash

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        """Return an abstention per text."""
        return [ContentScore(math.nan, math.nan, (), 0, False)] * len(texts)

    def describe(self) -> str:
        """Return what it is."""
        return "no detector"


def posts(count: int, accounts: int, rng: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield posts of 280 characters with typing and address, the account with each, over a day."""
    texts = [" ".join(person_text(rng) for _ in range(12))[:280] for _ in range(2000)]
    typing = {"duration_ms": 9000, "keystrokes": 280, "deletions": 3, "pastes": 0, "pasted_chars": 0}
    intervals = [[round(rng.uniform(50, 300)) for _ in range(60)] for _ in range(200)]
    for number in range(count):
        account = f"account-{rng.randrange(accounts)}"
        yield (
            account,
            {
                "post_id": f"post-{number}",
                "text": texts[number % len(texts)] + str(number),
                "account_id": account,
                "lang": "en",
                "client": {"ip": f"11.{rng.randrange(4)}.{rng.randrange(256)}.9", "network_kind": "residential"},
                "typing": {**typing, "intervals_ms": intervals[number % len(intervals)]},
                "account": {"created_at": "2025-06-01T00:00:00Z", "followers": 3, "following": 5, "posts": 9},
            },
        )


def produce(
    bootstrap: str, topic: str, lines: Iterator[tuple[str, dict[str, Any]]], count: int, hours: float = 24
) -> None:
    """Send posts whose times spread over some hours until now."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=50, batch_size=1 << 18)
    begin = datetime.now(UTC) - timedelta(hours=hours)
    for number, (account, event) in enumerate(lines):
        at = begin + timedelta(hours=hours * number / count)
        producer.send(topic, json.dumps({**event, "created_at": at.isoformat()}).encode(), key=account.encode())
    producer.flush()
    producer.close()


def produce_at_rate(bootstrap: str, topic: str, lines: Iterator[tuple[str, dict[str, Any]]], rate: float) -> None:
    """Send posts of the moment at a steady rate."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=5)
    began = time.monotonic()
    for number, (account, event) in enumerate(lines):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        now = datetime.now(UTC).isoformat()
        producer.send(topic, json.dumps({**event, "created_at": now}).encode(), key=account.encode())
    producer.flush()
    producer.close()


class Meter:
    """Counts the posts of a run, and notes when each batch was committed."""

    def __init__(self, count: int, latest: int) -> None:
        self._count = count
        self._latest = latest
        self.times: list[tuple[float, int]] = []
        """Time and number of posts so far, after each batch."""
        self.delays: list[float] = []
        self.done = threading.Event()
        self._processor_s: list[float] = []

    def on_batch(self, outcome: Outcome) -> None:
        """Note a committed batch; print how long the backlog took when it is done."""
        now = time.time()
        total = (self.times[-1][1] if self.times else 0) + outcome.effects.counters.get("posts", 0)
        if total > self._count:
            sampled = [sample.assessment.event_time for sample in outcome.effects.audit_samples]
            self.delays.extend(now - at.timestamp() for at in sampled if at is not None)
        self.times.append((now, total))
        self._processor_s.append(time.process_time())
        if total == self._count:
            sys.stdout.write(json.dumps({"backlog_s": now - self.times[0][0]}) + "\n")
            sys.stdout.flush()
        if total >= self._count + self._latest:
            self.done.set()

    def figures(self) -> dict[str, Any]:
        """Return the figures of the run."""
        first, end = self.times[0], next(i for i, entry in enumerate(self.times) if entry[1] >= self._count)
        last, worked_s = self.times[end], self._processor_s[end] - self._processor_s[0]
        found: dict[str, Any] = {
            "posts_per_s": round((last[1] - first[1]) / (last[0] - first[0])),
            "processor_us_per_post": round(1e6 * worked_s / (last[1] - first[1])),
            "records_per_batch": round(last[1] / len([entry for entry in self.times if entry[1] <= last[1]])),
            "resident_mib": round(resident_mib()),
        }
        if self.delays:
            tail = np.percentile(np.array(self.delays), [50, 99]) * 1000
            found |= {"latency_ms_p50": round(float(tail[0])), "latency_ms_p99": round(float(tail[1]))}
        return found


def without_detector() -> None:
    """Have the sidecar of this process load no detector."""
    load = app.load_models

    def load_without(loaded: Any) -> Any:
        of, risk = load(loaded)
        return NoDetector(of.manifest_hash), risk

    app.load_models = load_without  # type: ignore[assignment]


def sharing_worker(settings_file: Path) -> None:
    """Run one of several sidecars until it is stopped; print the time and the posts of each batch."""

    def on_batch(outcome: Outcome) -> None:
        sys.stdout.write(json.dumps([time.time(), outcome.effects.counters.get("posts", 0)]) + "\n")
        sys.stdout.flush()

    without_detector()
    app.run_sidecar(load_settings(settings_file), on_batch=on_batch)


def worker(settings_file: Path, detector: str, count: int, latest: int) -> None:
    """Run a sidecar until it has assessed all posts; print its figures. The last *latest* posts measure the latency."""
    meter, build = Meter(count, latest), app.build_sidecar

    def stopping(*arguments: Any) -> Any:
        sidecar = build(*arguments)
        threading.Thread(target=lambda: (meter.done.wait(), sidecar.stop()), daemon=True).start()
        return sidecar

    if detector == "off":
        without_detector()
    app.build_sidecar = stopping
    app.run_sidecar(load_settings(settings_file), on_batch=meter.on_batch)
    sys.stdout.write(json.dumps(meter.figures()) + "\n")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one run."""
    rng = random.Random(1)
    broker, database = KafkaBroker(), PostgresServer()
    redis = RedisServer() if arguments.backend == "redis" else None
    try:
        topic, url = "posts", database.create_database()
        admin = KafkaAdminClient(bootstrap_servers=[broker.address])
        admin.create_topics({topic: {"num_partitions": PARTITIONS, "replication_factor": 1}}, wait_for_metadata=True)
        admin.close()
        moderation = [sys.executable, "-m", "moderation", "db", "upgrade", "--database", url]
        subprocess.run(moderation, check=True, capture_output=True)
        lines = posts(10**9, arguments.accounts, rng)
        some = (next(lines) for _ in range(arguments.posts))
        produce(broker.address, topic, some, arguments.posts, arguments.hours)
        figures: dict[str, Any] = {
            "processor": processor(),
            "detector": arguments.detector,
            "policy": arguments.policy,
            "backend": arguments.backend,
            "posts": arguments.posts,
            "hours": arguments.hours,
        }
        if arguments.peer:
            figures["quix_streams_posts_per_s"] = distinct_accounts_per_s(broker.address, topic, arguments.posts)
        arguments.redis_url = "" if redis is None else redis.url
        return figures | _measured(arguments, broker.address, topic, url, lines)
    finally:
        if redis is not None:
            redis.close()
        broker.close()
        database.close()


def _measured(
    arguments: argparse.Namespace, bootstrap: str, topic: str, url: str, lines: Iterator[tuple[str, dict[str, Any]]]
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        if arguments.sidecars > 1:
            return _shared(
                arguments,
                [
                    _settings(arguments, bootstrap, topic, url, Path(folder) / str(number))
                    for number in range(arguments.sidecars)
                ],
            )
        settings = _settings(arguments, bootstrap, topic, url, Path(folder))
        command = [sys.executable, "-m", "tests.bench.pipeline", "--worker", str(settings)]
        command += [
            "--detector",
            arguments.detector,
            "--posts",
            str(arguments.posts),
            "--latest",
            str(arguments.latest),
        ]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert running.stdout is not None
        rate = arguments.posts / json.loads(running.stdout.readline())["backlog_s"]
        if arguments.latest:
            some = (next(lines) for _ in range(arguments.latest + 1))
            produce_at_rate(bootstrap, topic, some, arguments.load * rate)
        figures: dict[str, Any] = json.loads(running.stdout.readline())
        running.wait(60)
        return figures | ({"latency_at_posts_per_s": round(arguments.load * rate)} if arguments.latest else {})


def _settings(arguments: argparse.Namespace, bootstrap: str, topic: str, url: str, folder: Path) -> Path:
    """Write the settings of a sidecar with a folder of its own."""
    folder.mkdir(exist_ok=True)
    settings = folder / "sidecar.toml"
    settings.write_text(
        f'platform_id = "bench"\ndatabase_url = "{url}"\naddress_key = "{"k" * 64}"\nlog_format = "text"\n'
        f'[kafka]\nbootstrap_servers = "{bootstrap}"\nposts = "{topic}"\ngroup_id = "bench"\n'
        f'[state]\nbackend = "{arguments.backend}"\nredis_url = "{arguments.redis_url}"\n'
        f'directory = "{folder}/state"\n[audit]\nrate = {SAMPLED}\n'
        f"[batch]\nmax_records = {arguments.batch}\nmax_bytes = 8388608\n"
        f'[scoring]\npolicy = "{arguments.policy}"\n',
        encoding="utf-8",
    )
    return settings


def _shared(arguments: argparse.Namespace, settings: Sequence[Path]) -> dict[str, Any]:
    """Return the posts per second of several sidecars together, from the first batch to the last."""
    batches: list[tuple[float, int]] = []
    done = threading.Event()

    def read(running: subprocess.Popen[str]) -> None:
        for line in running.stdout or ():
            at, count = json.loads(line)
            batches.append((at, count))
            if sum(posts for _, posts in batches) >= arguments.posts:
                done.set()

    me = [sys.executable, "-m", "tests.bench.pipeline", "--sharing-worker"]
    running = [subprocess.Popen([*me, str(one)], stdout=subprocess.PIPE, text=True) for one in settings]
    for process in running:
        threading.Thread(target=read, args=(process,), daemon=True).start()
    if not done.wait(600):
        raise RuntimeError(f"only {sum(count for _, count in batches)} posts were judged in ten minutes")
    for process in running:
        process.terminate()
        process.wait(60)
    first, last = min(batches), max(batches)
    judged = sum(count for _, count in batches) - first[1]
    return {"sidecars": len(settings), "posts_per_s": round(judged / (last[0] - first[0]))}


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=60_000)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--latest", type=int, default=20_000, help="posts for the latency; 0: none")
    parser.add_argument("--hours", type=float, default=24, help="hours that the times of the posts spread over")
    parser.add_argument("--load", type=float, default=0.5, help="share of the highest rate for the latency")
    parser.add_argument("--detector", choices=["off", "shipped"], default="off")
    parser.add_argument("--policy", choices=["all", "selective"], default="all", help="scoring.policy")
    parser.add_argument("--backend", choices=["memory", "disk", "redis"], default="memory", help="state.backend")
    parser.add_argument("--batch", type=int, default=1024, help="batch.max_records")
    parser.add_argument("--peer", action="store_true", help="also measure quix-streams, which must be installed")
    parser.add_argument("--sidecars", type=int, default=1, help="sidecars that share the posts; needs --backend redis")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--sharing-worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker, arguments.detector, arguments.posts, arguments.latest)
        return
    if arguments.sharing_worker:
        sharing_worker(arguments.sharing_worker)
        return
    if arguments.sidecars > 1 and (arguments.backend != "redis" or arguments.detector != "off"):
        parser.error("--sidecars needs --backend redis and --detector off")
    sys.stdout.write(json.dumps(measured_into(arguments.out, lambda: measure(arguments)), indent=2) + "\n")


if __name__ == "__main__":
    main()
