"""`moderation serve` as a process: SIGTERM ends it cleanly, and a port in use gets one line."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from connectors.reviewdb.engine import open_engine
from connectors.reviewdb.schema import upgrade
from tests.services.process import free_ports
from tests.unit.project.pages import ROOT

DEADLINE_S = 120.0


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """The command on a database of this version, without a port."""
    url = f"sqlite:///{tmp_path / 'reviews.sqlite'}"
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    return [sys.executable, "-m", "moderation", "serve", "--database", url, "--port"]


def test_serve_answers_and_sigterm_ends_it_with_0(command: list[str]) -> None:
    (port,) = free_ports(1)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([*command, str(port)], stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == f"moderation console: http://localhost:{port}\n"
        deadline = time.monotonic() + DEADLINE_S
        while not answers(port):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
        assert process.stderr.read() == ""


def test_a_port_in_use_gets_one_line(command: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([*command, str(port)], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert done.stderr.count("\n") == 2


def answers(port: int) -> bool:
    """Whether the console answers."""
    try:
        with urllib.request.urlopen(f"http://localhost:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
