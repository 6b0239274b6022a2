"""The servers that the tests start are the real ones and end with the run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from kafka import KafkaConsumer, KafkaProducer


def test_the_broker_keeps_what_it_is_given(kafka_broker: str, topics: Callable[..., str]) -> None:
    topic = topics(2)
    producer = KafkaProducer(bootstrap_servers=[kafka_broker], acks="all")
    producer.send(topic, b"one", key=b"k").get(timeout=60)
    producer.close()
    consumer = KafkaConsumer(
        topic, bootstrap_servers=[kafka_broker], auto_offset_reset="earliest", consumer_timeout_ms=60_000
    )
    assert next(iter(consumer)).value == b"one"
    consumer.close()


def test_postgresql_syncs_to_disk(postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)


def test_a_server_ends_when_the_test_run_is_killed() -> None:
    program = (
        "import sys, time\n"
        "from tests.services.postgresql import PostgresServer\n"
        "server = PostgresServer()\n"
        "print(server.process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    server_pid = int(run.stdout.readline())
    run.kill()
    run.communicate()
    deadline = time.monotonic() + 120
    while _alive(server_pid):
        assert time.monotonic() < deadline, "the server outlived the run that started it"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with Path(f"/proc/{pid}/stat").open() as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"
