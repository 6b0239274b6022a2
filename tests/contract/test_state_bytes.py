"""What the state keeps of a person, on every backend: numbers only, whatever file or key is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis

from moderation.errors import ModerationError
from moderation.events import Client, Deletion, Event
from moderation.state.erasing import erase_from_journal
from moderation.state.identifiers import account_number
from tests.contract.state_backends import LANE, Kind, Place, applied
from tests.unit.features.builders import at, follow, named, post

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


def forms(account: str) -> tuple[bytes, ...]:
    """How the number of an account may be written."""
    number = account_number(account)
    return number.to_bytes(8, "little"), number.to_bytes(8, "big"), f"{number:x}".encode()


def erased(place: Place, account: str) -> int:
    """Remove an account from the closed state."""
    removed = erase_from_journal(place.directory / "journal", account_number(account))
    return removed + (0 if place.kind == "memory" else place.backend().erase(account_number(account)))


def test_an_erased_account_is_in_no_file_and_no_key_and_others_are_as_before(place: Place) -> None:
    state = place.opened()
    applied(state, [*events(), follow("other", "third", 5100), follow("third", ACCOUNT, 5200)])
    for account in (ACCOUNT, "other"):
        number, at_ms = account_number(account), int(at(5300).timestamp() * 1000)
        state.add_score(number, 1, at_ms, logit=1.0, n_tokens=30)
        state.add_vote(77, number, at_ms, logit=1.0, n_tokens=30)
        state.watch(number, at_ms)
    if state.stored is not None:
        state.stored.write({LANE: 9}, state.coverage)
    state.save({LANE: 9})
    assert state.finish_saving()
    state.close()
    content = kept(place)
    assert any(form in content for form in forms(ACCOUNT))

    assert erased(place, ACCOUNT) > 5

    content = kept(place)
    assert not [form for form in forms(ACCOUNT) if form in content]
    assert any(form in content for form in forms("other"))
    assert erased(place, ACCOUNT) == 0
    again = place.opened(fresh=False)
    client = Client(ip=ADDRESS, device_id=DEVICE, network_kind="residential")  # type: ignore[arg-type]
    vectors = applied(again, [post("p9", "other", 9000, client=client), post("p10", ACCOUNT, 9100, client=client)])
    others, own = (named(vector) for vector in vectors)
    assert (others["account_posts_24h"], others["network_accounts_24h"]) == (2, 1)
    assert own["account_posts_24h"] == 1
    assert len(again.follows) == 1


def test_an_erasure_of_the_state_on_disk_needs_room_and_keeps_the_rights_of_the_file(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place.kind != "disk":
        return
    state = place.opened()
    applied(state, events())
    if state.stored is not None:
        state.stored.write({LANE: 9}, state.coverage)
    state.close()
    (file,) = place.directory.rglob("data.mdb")
    rights = file.stat().st_mode
    assert place.backend().erase(account_number(ACCOUNT)) > 0
    assert file.stat().st_mode == rights
    assert not list(place.directory.rglob("*.fresh"))
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=1000))
    with pytest.raises(ModerationError, match=r"no room for a copy|is full"):
        place.backend().erase(account_number("other"))


def test_the_search_finds_the_number_of_an_account_that_the_state_keeps(place: Place) -> None:
    state = place.opened()
    applied(state, events())
    place.reopened(state)
    assert any(form in kept(place) for form in forms(ACCOUNT))
