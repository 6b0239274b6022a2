"""A console that serves as `moderation serve` does, with people added by the command, and browsers."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from connectors.reviewdb.schema import upgrade
from connectors.reviewdb.store import ReviewStore
from moderation.review.people import NewPerson, add_person
from tests.browser.cast import PLATFORM, effects
from tests.contract.samples import partition
from tests.services.process import ServerProcess, free_ports
from tests.unit.project.pages import ROOT

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]
PASSWORD = "a long password for tests"
LONG_NAME = "firstname.lastname@longnameofacompanywithmanyparts.example"
"""A name as a provider of single sign-on sends it."""
PEOPLE = {"sam": "senior", "root": "admin", LONG_NAME: "senior"}
SCREENSHOTS = "CONSOLE_SCREENSHOTS"
"""Variable with the directory for screenshots; `make screenshots` sets it to that of the guide."""


@dataclass(frozen=True)
class Served:
    """A console that runs: its address and its store."""

    address: str
    store: ReviewStore


@dataclass
class Visitor:
    """A person at a browser; `trouble` collects what a browser reports that no page may cause."""

    page: Page
    address: str
    trouble: list[str]

    def sign_in(self, name: str) -> None:
        """Sign in and wait for the queue."""
        self.page.goto(f"{self.address}/sign-in")
        self.page.fill("#name", name)
        self.page.fill("#password", PASSWORD)
        self.page.press("#password", "Enter")
        self.page.wait_for_url("**/queue")


@pytest.fixture
def served(postgres_url: str, tmp_path: Path) -> Iterator[Served]:
    """A console on PostgreSQL with flags of the cast."""
    store = ReviewStore(postgres_url)
    upgrade(store.engine)
    store.commit(store.claim("main", "one", [partition()]), effects())
    variables = {"MODERATION_DATABASE_URL": postgres_url, "MODERATION_PLATFORM_ID": PLATFORM, "PYTHONPATH": str(ROOT)}
    moderation = ["/usr/bin/env", *map("=".join, variables.items()), sys.executable, "-m", "moderation"]
    add = [*moderation, "reviewers", "add", "ana", "--role", "reviewer"]
    subprocess.run(add, input=PASSWORD, text=True, check=True, capture_output=True)
    for name, role in PEOPLE.items():
        add_person(store.engine, NewPerson(name, role, PASSWORD), by="tests", now=datetime.now(UTC))
    (port,) = free_ports(1)
    process = ServerProcess("console", [*moderation, "serve", "--port", str(port)], tmp_path)
    address = f"http://localhost:{port}"
    process.wait_until(lambda: _answers(address))
    yield Served(address, store)
    process.stop()
    store.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for the run."""
    with sync_playwright() as found:
        yield _launched(found)


@pytest.fixture
def visitor(chromium: Browser, served: Served) -> Iterator[Callable[..., Visitor]]:
    """Opens browsers of their own; at the end none may have reported an error or a violation of the policy."""
    opened: list[Visitor] = []

    def open_browser(width: int = 1280, height: int = 800, scheme: str = "light") -> Visitor:
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        found = Visitor(context.new_page(), served.address, [])
        found.page.on("pageerror", lambda error: found.trouble.append(str(error)))
        found.page.on("dialog", lambda dialog: found.trouble.append(f"dialog: {dialog.message}"))
        found.page.on(
            "console",
            lambda message: found.trouble.append(message.text) if "Content Security" in message.text else None,
        )
        opened.append(found)
        return found

    yield open_browser
    trouble = [found.trouble for found in opened]
    for found in opened:
        found.page.context.close()
    assert trouble == [[] for _ in opened]


@pytest.fixture
def screenshot(tmp_path: Path) -> Callable[..., None]:
    """Writes a screenshot for the guide, or to a temporary directory."""
    directory = Path(os.environ.get(SCREENSHOTS, tmp_path))

    def write(page: Page, name: str) -> None:
        page.screenshot(path=directory / f"{name}.png")

    return write


def _launched(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
