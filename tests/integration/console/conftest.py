"""A console on an empty database with people of every role, a clock to turn, and clients that are signed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from connectors.reviewdb.store import ReviewStore
from moderation.effects import Effects, FlagRaised
from moderation.review import people
from moderation.review.people import NewPerson, add_person
from moderation.review.serving.app import build_app
from moderation.review.serving.console import Console
from moderation.risk.bundle import read_manifest
from moderation.settings.sections import ConsoleSettings
from tests.contract.samples import PLATFORM, partition

PASSWORD = "a long password for tests"
START = datetime(2026, 11, 29, 9, 0, tzinfo=UTC)
PEOPLE = {"vera": "viewer", "ana": "reviewer", "bob": "reviewer", "sam": "senior", "ida": "appeals", "root": "admin"}
ADDRESS = "http://localhost:8090"


@dataclass
class Clock:
    """A clock that moves only when a test turns it."""

    now: datetime = START

    def turn(self, **by: float) -> None:
        """Move on."""
        self.now += timedelta(**by)


@dataclass
class Desk:
    """A console with its store, its clock and a way to sign in."""

    console: Console
    store: ReviewStore
    clock: Clock
    clients: list[TestClient] = field(default_factory=list)
    apps: dict[int, ASGIApp] = field(default_factory=dict)

    def flag(self, *flags: FlagRaised) -> None:
        """Commit flags as the sidecar does."""
        self.store.commit(self.store.claim("main", "one", [partition()]), Effects(flags=list(flags)))

    def client(self, name: str | None = None) -> TestClient:
        """A browser, signed in as a person."""
        headers = {"sec-fetch-site": "same-origin"}
        app = self.apps.setdefault(id(self.console), build_app(self.console))
        client = TestClient(app, ADDRESS, raise_server_exceptions=False, follow_redirects=False, headers=headers)
        self.clients.append(client)
        if name is not None:
            answer = client.post("/sign-in", data={"name": name, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
        return client

    def key(self, account_id: str) -> str:
        """The key of an account."""
        from connectors.reviewdb.identity import account_key

        return account_key(PLATFORM, account_id)


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cheap password hashes: a test is not about their cost."""
    monkeypatch.setattr(people, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def desk(migrated_url: str, quick_hashes: None) -> Iterator[Desk]:
    """A console with six people."""
    store = ReviewStore(migrated_url)
    clock = Clock()
    manifest, version = read_manifest(None)
    certified = (manifest.policies["all"].certificate, version)
    console = Console(
        store.engine, ConsoleSettings(), PLATFORM, certified, lambda: clock.now, features=manifest.features
    )
    desk = Desk(console, store, clock)
    for name, role in PEOPLE.items():
        add_person(store.engine, NewPerson(name, role, PASSWORD), by="tests", now=clock.now)
    yield desk
    for client in desk.clients:
        client.close()
    store.close()


@pytest.fixture
def hidden(desk: Desk) -> Callable[[str, str], str]:
    """Reads the value of a hidden field on a page."""
    import re

    def read(page: str, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', page)
        assert found is not None, name
        return found[1]

    return read
