"""What sidecars that share a state exchange through a real Redis server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import redis

from connectors.state_redis import RedisState
from moderation.effects import Partition
from moderation.errors import StateLost
from moderation.state import PlatformState, Storage
from moderation.state.keyed import StoredKeyed
from moderation.stream.ordering import EventTimeMerge
from moderation.stream.shared_work import SharedWork
from moderation.stream.slots import Slots
from tests.contract.state_backends import KEYRING

LANES = [Partition("c", "posts", "t", number) for number in range(2)]
LOST = "lost what was written"


class One(NamedTuple):
    """A sidecar with one of two slots, of whose partition nothing was read yet."""

    work: SharedWork
    merge: EventTimeMerge
    stored: StoredKeyed

    def exchange(self) -> None:
        """Publish the progress and read that of the other."""
        self.work.write({})
        self.work.read_others()


@pytest.fixture
def pipeline() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def sidecar(redis_url: str, pipeline: str) -> Iterator[Callable[[int], One]]:
    """Starts the sidecar with a slot."""
    started: list[PlatformState] = []

    def start(slot: int) -> One:
        state = PlatformState(platform_id="p", keyring=KEYRING).keep_in(Storage(RedisState(redis_url, pipeline), 10))
        started.append(state)
        assert state.stored is not None
        state.stored.positions()
        merge = EventTimeMerge([LANES[slot]], stalled_ms=1000, now_ms=0)
        merge.note_unread({LANES[slot]})
        assignment = Slots(LANES, {"posts": "post"}, "").assignment([slot], number=2)
        return One(SharedWork(assignment, state, merge, 1000), merge, state.stored)

    yield start
    for state in started:
        state.close()


def test_sidecars_that_start_at_once_on_an_empty_server_lose_nothing(sidecar: Callable[[int], One]) -> None:
    both = [sidecar(0), sidecar(1)]
    for one in (*both, *both):
        one.exchange()


def test_state_that_is_kept_for_other_slots_shows_that_the_server_lost_rows(
    sidecar: Callable[[int], One], redis_url: str, pipeline: str
) -> None:
    one = sidecar(0)
    one.exchange()
    with redis.Redis.from_url(redis_url) as client:
        client.delete(*client.scan_iter(f"*{pipeline}*"))
    one.stored.working.forget()
    with pytest.raises(StateLost, match=LOST):
        one.stored.positions()


def test_progress_that_the_server_lost_is_noticed_by_who_wrote_it_and_who_read_it(
    sidecar: Callable[[int], One], redis_url: str, pipeline: str
) -> None:
    """As after a restart of the server from an older copy, since which no position has changed."""
    writer, reader = sidecar(0), sidecar(1)
    writer.exchange()
    with redis.Redis.from_url(redis_url) as client:
        (marks,) = client.scan_iter(f"*{pipeline}*:marks")
        copy = client.dump(marks)
        writer.merge.note_unread(set())
        writer.work.polled(writer.work.begin_poll())
        writer.exchange()
        reader.work.read_others()
        client.restore(marks, 0, copy, replace=True)
    for one in (writer, reader):
        with pytest.raises(StateLost, match=LOST):
            one.work.write({})
        with pytest.raises(StateLost, match=LOST):
            one.work.read_others()
