"""What the state keeps of a person, on every backend: numbers only, whatever file or key is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from moderation.events import Client, Deletion, Event
from moderation.state.identifiers import account_number
from tests.contract.state_backends import Kind, Place, applied
from tests.unit.features.builders import at, follow, post

ACCOUNT, POST, TEXT = "account-of-anna-7351", "post-9917-of-anna", "My private words about a garden."
ADDRESS, DEVICE = "198.18.4.77", "device-4410-of-anna"
PERSONAL = (ACCOUNT, POST, TEXT, ADDRESS, DEVICE)


@pytest.fixture(params=["memory", "disk", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    kind: Kind = request.param
    found = Place(kind, tmp_path, request.getfixturevalue("redis_url") if kind == "redis" else "")
    yield found
    found.close()


def events() -> list[Event]:
    """Everything that the state takes of an account."""
    client = Client(ip=ADDRESS, device_id=DEVICE, network_kind="residential")  # type: ignore[arg-type]
    return [
        follow(ACCOUNT, "other", 0),
        post(POST, ACCOUNT, 10, text=TEXT, client=client),
        post("second", ACCOUNT, 20, text=TEXT, client=client),
        Deletion(post_id=POST, account_id=ACCOUNT, at=at(30)),
        post("third", "other", 5000, text="A walk.", client=client),
    ]


def kept(place: Place) -> bytes:
    """The bytes of every file of the directory, and of every key of the pipeline on Redis."""
    parts = [path.read_bytes() for path in sorted(place.directory.rglob("*")) if path.is_file()]
    parts += [str(path).encode() for path in sorted(place.directory.rglob("*"))]
    if place.kind == "redis":
        client = redis.Redis.from_url(place.redis_url)
        for key in client.scan_iter(f"moderation:{{{place.name}}}:*"):
            parts.append(key)
            parts.append(client.dump(key) or b"")
        client.close()
    return b"\x00".join(parts)


def test_no_place_of_the_state_holds_bytes_of_a_person(place: Place) -> None:
    state = place.opened()
    applied(state, events())
    state.add_score(account_number(ACCOUNT), 1, int(at(10).timestamp() * 1000), logit=1.0, n_tokens=30)
    state = place.reopened(state)
    content = kept(place)
    assert not [value for value in PERSONAL for form in ("utf-8", "utf-16-le") if value.encode(form) in content]


def test_the_search_finds_the_number_of_an_account_that_the_state_keeps(place: Place) -> None:
    state = place.opened()
    applied(state, events())
    place.reopened(state)
    number = account_number(ACCOUNT)
    forms = (number.to_bytes(8, "little"), number.to_bytes(8, "big"), f"{number:x}".encode())
    assert any(form in kept(place) for form in forms)
