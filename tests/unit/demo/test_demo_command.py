"""`moderation demo` from texts to figures, with local texts in place of the download."""

from __future__ import annotations

import itertools
import json
import logging
import re
import shlex
import signal
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import moderation
from moderation.checksum import sha256_of
from moderation.demo import people_texts
from moderation.demo.command import CONFIG, DATABASE, EVENTS, _next_steps, demo_command
from moderation.detector.shipped import SHIPPED
from moderation.review.permissions import Actor
from moderation.review.queue import QueueFilter, queue_count
from moderation.review.serving.app import build_app, open_console
from moderation.settings import load_settings

WHO = ("My brother", "Nobody here", "The woman next door", "Our old teacher", "Everyone at work", "That cook", "She")
DOES = ("grows tomatoes", "hates the new bus", "was late for lunch", "found a cheap guitar", "never reads the manual")
WHEN = ("since March.", "and I laughed.", "on the third floor!", "but will not say why.", "every other Tuesday :)")
WHY = ("No idea why", "Honestly", "Guess what", "Well then", "As always", "You were right")


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    """A demo takes over signals and logging, as a process of its own may."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _texts_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{why}: {who} {does} {when}" for why, who, does, when in itertools.product(WHY, WHO, DOES, WHEN)]
    halves = {"notes": texts[::2], "letters": texts[1::2]}
    monkeypatch.setattr(people_texts, "people_texts", lambda _cache: halves)


def run_demo(out: Path, seed: int = 3) -> None:
    demo_command(accounts=200, seed=seed, out=out, cache=None)


def test_demo_stores_flags_and_prints_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_demo(tmp_path / "out")
    output = " ".join(capsys.readouterr().out.split())
    with sqlite3.connect(tmp_path / "out" / DATABASE) as database:
        (stored,) = database.execute("select count(*) from flags").fetchone()
        detectors = database.execute("select distinct detector_version from assessments").fetchall()
    database.close()
    assert re.search(rf"of {stored} in the review database", output)
    assert detectors == [(sha256_of(SHIPPED / "manifest.json"),)]
    for way in ("content only", "metadata only", "both, as shipped"):
        assert way in output
    assert "SIMULATED" in output
    assert "What to run next" in output
    kinds = {json.loads(line)["type"] for line in (tmp_path / "out" / EVENTS).read_text("utf-8").splitlines()}
    assert {"post", "follow"} <= kinds


def test_demo_ends_with_a_login_that_opens_the_console(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_demo(tmp_path)
    printed = re.search(r"sign in as (\S+) with the password (\S+)", " ".join(capsys.readouterr().out.split()))
    assert printed is not None
    console = open_console(load_settings(tmp_path / CONFIG))
    headers = {"sec-fetch-site": "same-origin"}
    with TestClient(build_app(console), "http://localhost:8090", follow_redirects=False, headers=headers) as browser:
        answer = browser.post("/sign-in", data={"name": printed[1], "password": printed[2]})
        assert answer.status_code == 303
        assert "senior" in browser.get(answer.headers["location"]).text
    with sqlite3.connect(tmp_path / DATABASE) as database:
        (accounts,) = database.execute("select count(*) from accounts_in_review where open_flags > 0").fetchone()
    database.close()
    assert queue_count(console.engine, Actor(1, printed[1], "senior"), QueueFilter(), datetime.now(UTC)) == accounts
    assert console.platform_id == "demo"
    console.engine.dispose()


def test_the_commands_that_demo_prints_can_be_run_where_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.chdir(tmp_path)
    package = str(Path(moderation.__file__).parent / "__main__.py")
    for started, expected in {package: [sys.executable, "-m", "moderation"], ".venv/bin/moderation": None}.items():
        monkeypatch.setattr(sys, "argv", [started, "demo"])
        for command, _ in _next_steps(Path("my demo"), 1, "password"):
            words = shlex.split(command)
            assert words[: len(expected or [started])] == (expected or [started])
            assert "my" not in words, "a path with a blank is one word"
    readme = Path(__file__).parents[3].joinpath("README.md").read_text("utf-8")
    (section,) = re.findall("README, “(.+)”", _next_steps(tmp_path, 1, "password")[-1][1])
    assert f"## {section}\n" in readme


def test_demo_ignores_settings_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "production.sqlite"
    monkeypatch.setenv("MODERATION_DATABASE_URL", f"sqlite:///{elsewhere}")
    run_demo(tmp_path / "out")
    assert not elsewhere.exists()
    assert (tmp_path / "out" / DATABASE).exists()


def test_the_same_seed_gives_the_same_flags_and_replaces_the_run_before(tmp_path: Path) -> None:
    def flags() -> list[tuple[object, ...]]:
        run_demo(tmp_path)
        database = sqlite3.connect(tmp_path / DATABASE)
        found = database.execute("select post_id from flags order by post_id").fetchall()
        database.close()
        return found

    (tmp_path / "kept.txt").write_text("mine")
    assert flags() == flags()
    assert (tmp_path / "kept.txt").read_text() == "mine"
