"""A long run: `python -m tests.bench.soak --minutes 60 --rate 1500 --detector shipped`.

Sends posts, follows and deletions to a real broker at a steady rate, and lets one sidecar of its own process judge them
into PostgreSQL. Event time passes faster than the clock, so that the windows, the graph's epochs and the scores are
full soon and turn over many times. Every few seconds the process reads its memory and its file handles; the report
compares the last third of the run with the third before, after which nothing should grow. The exit code is 1 where
memory grew by more than `--most`.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer
from tqdm import tqdm

from moderation import app
from moderation.settings import load_settings
from moderation.stream.pipeline import Outcome
from tests.bench.figures_file import measured_into
from tests.bench.pipeline import PARTITIONS, posts, without_detector
from tests.bench.processor import processor
from tests.bench.state import resident_mib
from tests.services.broker import KafkaBroker
from tests.services.postgresql import PostgresServer

SAMPLE_S = 5.0
SENT_LONGER_S = 30.0
"""The sidecar begins some seconds after the first record is sent."""
TOPICS = ("posts", "follows", "deletions")
KEPT_BYTES = {"retention.bytes": str(1 << 30), "segment.bytes": str(64 << 20)}
"""The topics are trimmed, so that a long run does not fill the disk."""


class Watch:
    """Prints what the process holds, every few seconds until it ends."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._posts = self._flags = 0
        threading.Thread(target=self._run, daemon=True).start()

    def on_batch(self, outcome: Outcome) -> None:
        """Count the posts of a committed batch."""
        self._posts += outcome.effects.counters.get("posts", 0)
        self._flags += outcome.effects.counters.get("flags", 0)

    def _run(self) -> None:
        began = time.monotonic()
        while True:
            time.sleep(SAMPLE_S)
            sample = {
                "s": round(time.monotonic() - began),
                "posts": self._posts,
                "flags": self._flags,
                "mib": round(resident_mib()),
                "handles": len(list(Path("/proc/self/fd").iterdir())),
                "threads": threading.active_count(),
                "state_mib": _size(self._directory) >> 20,
            }
            sys.stdout.write(json.dumps(sample) + "\n")
            sys.stdout.flush()


def _size(directory: Path) -> int:
    """Return the bytes of the files of a directory; one that is deleted meanwhile counts nothing."""
    total = 0
    for file in directory.glob("*"):
        with suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


def worker(settings_file: Path, detector: str) -> None:
    """Run a sidecar until it is stopped."""
    settings = load_settings(settings_file)
    if detector == "off":
        without_detector()
    assert settings.state.directory is not None
    app.run_sidecar(settings, on_batch=Watch(settings.state.directory).on_batch)


def produce(bootstrap: str, rate: float, accounts: int, days: float, seconds: float) -> None:
    """Send posts at a rate, with one follow per ten and one deletion per hundred posts."""
    rng = random.Random(2)
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=50, batch_size=1 << 17)
    began, begin = time.monotonic(), datetime.now(UTC) - timedelta(days=2 * days)
    for number, (account, event) in enumerate(posts(10**9, accounts, rng)):
        late_s = began + number / rate - time.monotonic()
        if late_s > 0.02:
            time.sleep(late_s)
        if time.monotonic() - began > seconds + SENT_LONGER_S:
            break
        at = (begin + timedelta(days=days * number / (rate * seconds))).isoformat()
        producer.send("posts", json.dumps({**event, "created_at": at}).encode(), key=account.encode())
        if number % 10 == 0:
            other = f"account-{rng.randrange(accounts)}"
            follow = {"account_id": account, "target_account_id": other, "at": at, "action": "follow"}
            if number % 30 == 0:
                follow["action"] = "unfollow"
            producer.send("follows", json.dumps(follow).encode(), key=account.encode())
        if number % 100 == 0:
            deletion = {"post_id": event["post_id"], "account_id": account, "at": at}
            producer.send("deletions", json.dumps(deletion).encode(), key=account.encode())
    producer.flush()
    producer.close()


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of the run."""
    broker, database = KafkaBroker(), PostgresServer()
    try:
        url = database.create_database()
        admin = KafkaAdminClient(bootstrap_servers=[broker.address])
        made = {"num_partitions": PARTITIONS, "replication_factor": 1, "configs": KEPT_BYTES}
        admin.create_topics(dict.fromkeys(TOPICS, made), wait_for_metadata=True)
        admin.close()
        upgrade = [sys.executable, "-m", "moderation", "db", "upgrade", "--database", url]
        subprocess.run(upgrade, check=True, capture_output=True)
        with tempfile.TemporaryDirectory() as folder:
            samples = _samples(arguments, broker.address, url, Path(folder))
    finally:
        broker.close()
        database.close()
    report = {"processor": processor(), **_asked(arguments), **compared(samples)}
    share = report["posts"] / (60 * arguments.minutes * arguments.rate)
    return report | {"event_days": round(share * arguments.days, 1)}


def _asked(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("minutes", "rate", "detector", "policy", "backend", "accounts")
    return {name: getattr(arguments, name) for name in names}


def _samples(arguments: argparse.Namespace, bootstrap: str, url: str, folder: Path) -> list[dict[str, int]]:
    settings, me = folder / "sidecar.toml", [sys.executable, "-m", "tests.bench.soak"]
    settings.write_text(
        f'platform_id = "soak"\ndatabase_url = "{url}"\naddress_key = "{"k" * 64}"\n'
        f'[kafka]\nbootstrap_servers = "{bootstrap}"\ngroup_id = "soak"\n'
        + "".join(f'{name} = "{name}"\n' for name in TOPICS)
        + f'[state]\nbackend = "{arguments.backend}"\ndirectory = "{folder}/state"\n'
        'follows_complete_from = "2000-01-01T00:00:00Z"\n'
        f'[scoring]\npolicy = "{arguments.policy}"\n[audit]\nrate = 0.001\n',
        encoding="utf-8",
    )
    seconds = 60.0 * arguments.minutes
    running = subprocess.Popen(
        [*me, "--worker", str(settings), "--detector", arguments.detector], stdout=subprocess.PIPE, text=True
    )
    send = ["--produce", bootstrap, "--rate", str(arguments.rate), "--accounts", str(arguments.accounts)]
    sending = subprocess.Popen([*me, *send, "--days", str(arguments.days), "--minutes", str(arguments.minutes)])
    samples: list[dict[str, int]] = []
    assert running.stdout is not None
    with tqdm(total=round(seconds), unit="s") as progress:
        while not samples or samples[-1]["s"] < seconds:
            line = running.stdout.readline()
            if not line:
                raise RuntimeError(f"the sidecar ended with exit code {running.wait(60)}")
            samples.append(json.loads(line))
            progress.update(samples[-1]["s"] - progress.n)
            progress.set_postfix(mib=samples[-1]["mib"], posts=samples[-1]["posts"])
    sending.terminate()
    running.terminate()
    running.wait(60)
    sending.wait(60)
    return samples


def compared(samples: list[dict[str, int]]) -> dict[str, Any]:
    """Return the figures of the last third of the samples beside those of the third before."""
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[-third:]
    found: dict[str, Any] = {
        "posts": samples[-1]["posts"],
        "flags": samples[-1]["flags"],
        "posts_per_s": round((last[-1]["posts"] - last[0]["posts"]) / (last[-1]["s"] - last[0]["s"])),
    }
    for name in ("mib", "handles", "threads", "state_mib"):
        before, after = (statistics.median(sample[name] for sample in part) for part in (middle, last))
        found[name] = {"middle_third": before, "last_third": after, "largest": max(s[name] for s in samples)}
    found["memory_last_by_middle"] = round(found["mib"]["last_third"] / found["mib"]["middle_third"], 3)
    found["mib_by_minute"] = [sample["mib"] for sample in samples[:: max(1, round(60 / SAMPLE_S))]]
    return found


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=6000, help="posts sent a second; more than it reads: full speed")
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--days", type=float, default=60, help="days of event time that are sent")
    parser.add_argument("--detector", choices=["off", "shipped"], default="off")
    parser.add_argument("--policy", choices=["all", "selective"], default="all", help="scoring.policy")
    parser.add_argument("--backend", choices=["memory", "disk"], default="memory", help="state.backend")
    parser.add_argument("--most", type=float, default=1.05, help="largest ratio of memory between the thirds")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--produce", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker, arguments.detector)
        return
    if arguments.produce:
        produce(arguments.produce, arguments.rate, arguments.accounts, arguments.days, 60 * arguments.minutes)
        return
    report = measured_into(arguments.out, lambda: measure(arguments))
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    if report["memory_last_by_middle"] > arguments.most:
        sys.exit("memory grew: see mib_by_minute")


if __name__ == "__main__":
    main()
