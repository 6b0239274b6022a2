"""What sidecars that share a state exchange through a real Redis server."""

from __future__ import annotations

import uuid

import pytest
import redis

from connectors.state_redis import RedisState
from moderation.effects import Partition
from moderation.errors import StateLost
from moderation.state import PlatformState, Storage
from moderation.stream.ordering import EventTimeMerge
from moderation.stream.shared_work import SharedWork
from moderation.stream.slots import Slots
from tests.contract.state_backends import KEYRING

LANES = [Partition("c", "posts", "t", number) for number in range(2)]


def work_on(redis_url: str, pipeline: str, slot: int) -> SharedWork:
    """Return the work of the sidecar with one of two slots, of whose partition nothing was read yet."""
    state = PlatformState(platform_id="p", keyring=KEYRING).keep_in(Storage(RedisState(redis_url, pipeline), 10))
    assert state.stored is not None
    state.stored.positions()
    merge = EventTimeMerge([LANES[slot]], stalled_ms=1000, now_ms=0)
    merge.note_unread({LANES[slot]})
    return SharedWork(Slots(LANES, {"posts": "post"}, "").assignment([slot], number=2), state, merge, 1000)


def test_sidecars_that_start_at_once_on_an_empty_server_lose_nothing(redis_url: str) -> None:
    pipeline = uuid.uuid4().hex
    sidecars = [work_on(redis_url, pipeline, slot) for slot in range(2)]
    for _ in range(2):
        for one in sidecars:
            one.write({})
            one.read_others()
    for one in sidecars:
        one.state.close()


def test_a_state_that_is_kept_for_other_slots_shows_that_the_server_lost_rows(redis_url: str) -> None:
    pipeline = uuid.uuid4().hex
    one = work_on(redis_url, pipeline, 0)
    one.write({LANES[0]: 5})
    assert one.state.stored is not None
    with redis.Redis.from_url(redis_url) as client:
        client.delete(*client.scan_iter(f"*{pipeline}*"))
    one.state.stored.working.forget()
    with pytest.raises(StateLost, match="lost what was written"):
        one.state.stored.positions()
    one.state.close()
