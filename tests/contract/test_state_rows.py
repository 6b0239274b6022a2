"""What every backend of the state keeps of rows and marks, and what it does with what it can no longer read."""

from __future__ import annotations

import json
import shutil
import uuid
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import lmdb
import pytest
import redis
from redis.exceptions import ReadOnlyError, ResponseError

import connectors.state_disk
from connectors.state_disk import DiskState
from connectors.state_redis import RedisState
from moderation.errors import ConnectionLost, InputError, PositionError, SettingsError, StateLost
from moderation.state import PlatformState, PostSeen, Storage
from moderation.state.backend import Place, RowKind, StateBackend
from moderation.state.working_set import Container, WorkingSet
from tests.contract.state_backends import KEYRING, LANE, applied
from tests.services.redis import RedisServer
from tests.unit.features.builders import at, named, post

KIND = RowKind("posts", 2, 1000, shared=True)
PACKED = KIND.packing
Open = Callable[[str], StateBackend]


@pytest.fixture(params=["disk", "redis"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same storage again and again, with an identity."""
    name, opened = uuid.uuid4().hex, list[StateBackend]()

    def make(identity: str = "one") -> StateBackend:
        for one in opened:
            one.close()
        disk = request.param == "disk"
        backend: StateBackend = DiskState(tmp_path) if disk else RedisState(request.getfixturevalue("redis_url"), name)
        opened.append(backend)
        backend.open([KIND], identity)
        return backend

    yield make
    for one in opened:
        one.close()


def rows(*numbers: tuple[int, int]) -> bytes:
    return b"".join(PACKED.pack(*row) for row in numbers)


def stored(backend: StateBackend, *places: Place) -> list[set[bytes]]:
    """The rows of places, each once."""
    found, _ = backend.read([(place, 0) for place in places])
    return [{raw[at_ : at_ + PACKED.size] for at_ in range(0, len(raw), PACKED.size)} for raw in found]


def test_rows_that_are_written_twice_are_there_once_for_a_reader(reopen: Open) -> None:
    backend, place = reopen("one"), Place("posts", 7, 2**64 - 1)
    backend.write({place: rows((1, 2), (3, 4)), Place("posts", 6, 5): rows((9, 9))}, {}, {})
    backend.write({place: rows((3, 4), (5, 6))}, {}, {})
    again = reopen("one")
    expected = {PACKED.pack(1, 2), PACKED.pack(3, 4), PACKED.pack(5, 6)}
    assert stored(again, place, Place("posts", 6, 5), Place("posts", 7, 8)) == [expected, {PACKED.pack(9, 9)}, set()]


def test_marks_only_grow(reopen: Open) -> None:
    backend = reopen("one")
    backend.write({}, {"a": 2**50, "b": 3}, {})
    backend.write({}, {"a": 5, "b": 4}, {})
    assert reopen("one").read([])[1] == {"a": 2**50, "b": 4}


def test_rows_of_another_identity_are_not_read(reopen: Open) -> None:
    reopen("one").write({Place("posts", 7, 1): rows((1, 2))}, {"a": 1}, {})
    other = reopen("two")
    assert other.read([(Place("posts", 7, 1), 0)]) == ([b""], {})


def test_check_describes_the_place_and_changes_nothing(reopen: Open) -> None:
    backend = reopen("one")
    backend.write({Place("posts", 7, 1): rows((1, 2))}, {}, {})
    assert " MiB" in backend.check()
    assert stored(reopen("one"), Place("posts", 7, 1)) == [{PACKED.pack(1, 2)}]


def test_clear_removes_everything(reopen: Open) -> None:
    backend = reopen("one")
    backend.write({Place("posts", 7, 1): rows((1, 2))}, {"a": 1}, {})
    backend.clear()
    assert backend.read([(Place("posts", 7, 1), 0)]) == ([b""], {})
    backend.write({Place("posts", 7, 1): rows((5, 6))}, {}, {})
    assert stored(backend, Place("posts", 7, 1)) == [{PACKED.pack(5, 6)}]


def test_disk_drops_buckets_that_no_window_reaches(tmp_path: Path) -> None:
    backend = DiskState(tmp_path)
    backend.open([KIND], "one")
    for bucket in (5, 6, 7, 5):
        backend.write({Place("posts", bucket, 1): rows((bucket, 1))}, {}, {})
    assert [len(found) for found in stored(backend, *(Place("posts", bucket, 1) for bucket in (5, 6, 7)))] == [0, 1, 1]
    backend.close()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("closed", "kept"), [(True, 1), (False, 0)])
def test_disk_state_that_was_open_when_the_machine_ended_is_rebuilt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: bool, kept: int, known: bool
) -> None:
    """Also where the system has no id of a boot."""
    boot = tmp_path / "boot"
    monkeypatch.setattr(connectors.state_disk, "BOOT_ID", boot)
    if known:
        boot.write_text("one")
    backend = DiskState(tmp_path)
    backend.open([KIND], "one")
    backend.write({Place("posts", 5, 1): rows((1, 1))}, {}, {})
    if closed:
        backend.close()
    else:
        backend._env.close()
    if known:
        boot.write_text("another")
    again = DiskState(tmp_path)
    again.open([KIND], "one")
    assert len(stored(again, Place("posts", 5, 1))[0]) == kept
    again.close()


def test_disk_state_on_a_full_disk_is_waited_for_and_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LMDB would end the process by SIGBUS."""
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _place: usage._replace(free=4096))
        with pytest.raises(ConnectionLost, match=r"the disk of .* is full; free some space"):
            DiskState(tmp_path).open([KIND], "one")
    backend = DiskState(tmp_path)
    backend.open([KIND], "one")
    backend.close()


def test_disk_state_in_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be opened.*set state\.directory"):
        DiskState(tmp_path / "file").open([KIND], "one")
    with pytest.raises(InputError, match=r"cannot be written.*set state\.directory"):
        DiskState(tmp_path / "file").check()


def filled(directory: Path) -> DiskState:
    """An open state with one row."""
    backend = DiskState(directory)
    backend.open([KIND], "one")
    backend.write({Place("posts", 5, 1): rows((1, 1))}, {}, {})
    return backend


def test_disk_state_that_is_damaged_is_rebuilt(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(tmp_path).close()
    (tmp_path / "keyed" / "data.mdb").write_bytes(b"damaged" * 10_000)
    again = DiskState(tmp_path)
    again.open([KIND], "one")
    assert stored(again, Place("posts", 5, 1)) == [set()]
    assert "is damaged" in caplog.text
    again.close()


def test_disk_state_that_is_damaged_while_it_is_open_is_lost_and_then_rebuilt(tmp_path: Path) -> None:
    backend = filled(tmp_path)
    env, backend._env = backend._env, Mock()
    backend._env.begin.side_effect = lmdb.CorruptedError("page")
    with pytest.raises(StateLost, match="is damaged"):
        backend.read([(Place("posts", 5, 1), 0)])
    backend.close()
    env.close()
    again = DiskState(tmp_path)
    again.open([KIND], "one")
    assert stored(again, Place("posts", 5, 1)) == [set()]
    again.close()


def test_disk_state_that_cannot_be_closed_gives_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    backend = filled(tmp_path)
    env, backend._env = backend._env, Mock()
    backend._env.sync.side_effect = lmdb.DiskError("no space")
    backend.close()
    env.close()
    assert "was not closed" in caplog.text


def test_disk_state_behind_a_link_that_cannot_be_removed_is_refused(tmp_path: Path) -> None:
    filled(tmp_path).close()
    (tmp_path / "keyed").rename(tmp_path / "elsewhere")
    (tmp_path / "keyed").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="cannot be removed"):
        DiskState(tmp_path).open([KIND], "two")


def test_disk_state_that_another_process_opened_is_not_marked_as_closed(tmp_path: Path) -> None:
    backend, about = filled(tmp_path), tmp_path / "keyed.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "token": "another"}))
    backend.close()
    assert json.loads(about.read_text())["closed"] is False


def test_redis_rows_and_marks_expire(redis_url: str) -> None:
    name = uuid.uuid4().hex
    backend = RedisState(redis_url, name)
    backend.open([KIND], "one")
    backend.write({Place("posts", 5, 1): rows((1, 1))}, {"a": 1}, {})
    client = redis.Redis.from_url(redis_url)
    keys = list(client.scan_iter(f"moderation:{{{name}}}:*"))
    assert len(keys) == 2
    assert all(0 < client.ttl(key) < 100_000 for key in keys)
    for key in keys:
        client.expire(key, 50)
    backend.write({Place("posts", 5, 1): rows((2, 2))}, {"a": 2}, {})
    assert all(client.ttl(key) > 50 for key in keys)
    client.close()
    backend.close()


def test_redis_reader_continues_after_what_it_has_read(redis_url: str) -> None:
    backend, place = RedisState(redis_url, uuid.uuid4().hex), Place("posts", 5, 1)
    backend.open([KIND], "one")
    assert backend.write({place: rows((1, 1))}, {}, {}) == [16]
    assert backend.write({place: rows((2, 2))}, {}, {}) == [32]
    assert backend.read([(place, 16)])[0] == [rows((2, 2))]
    backend.close()


def test_redis_refuses_positions_that_its_scores_would_round(redis_url: str) -> None:
    backend = RedisState(redis_url, uuid.uuid4().hex)
    backend.open([KIND], "one")
    backend.write({}, {"a": 2**53 - 1}, {})
    assert backend.read([])[1] == {"a": 2**53 - 1}
    with pytest.raises(PositionError, match="exact below 2\\^53"):
        backend.write({}, {"a": 2**53}, {})
    backend.close()


def test_redis_that_would_evict_rows_is_refused(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    client.config_set("maxmemory-policy", "allkeys-lru")
    backend = RedisState(redis_url, "any")
    try:
        with pytest.raises(SettingsError, match=r"evicts keys.*maxmemory-policy noeviction"):
            backend.open([KIND], "one")
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.close()
        backend.close()


def test_redis_without_a_needed_command_is_refused(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = RedisState(redis_url, "any")
    monkeypatch.setattr(backend._client, "info", lambda _section: {"redis_version": "6.0.16", "used_memory": 0})
    with pytest.raises(SettingsError, match=r"has version 6\.0\.16.*needs Redis 6\.2"):
        backend.open([KIND], "one")
    backend.close()


def test_redis_user_who_may_not_write_marks_is_refused_before_rows_are_appended(redis_url: str) -> None:
    client, name, place = redis.Redis.from_url(redis_url), uuid.uuid4().hex, Place("posts", 5, 1)
    client.acl_setuser(name, enabled=True, passwords=["+p"], keys=["*"], commands=["+@all", "-zadd"])
    backend = RedisState(redis_url.replace("redis://", f"redis://{name}:p@"), name)
    try:
        backend.open([KIND], "one")
        with pytest.raises(SettingsError, match="refuses a command of the state"):
            backend.write({place: rows((1, 1))}, {"a": 1}, {})
        assert stored(backend, place) == [set()]
    finally:
        client.acl_deluser(name)
        client.close()
        backend.close()


@pytest.mark.parametrize("error", [ResponseError("MISCONF cannot persist"), ReadOnlyError("a replica")])
def test_redis_error_that_passes_is_an_outage(redis_url: str, error: ResponseError) -> None:
    backend = RedisState(redis_url, "any")
    backend._write = Mock(side_effect=error)
    with pytest.raises(ConnectionLost, match="accepts no commands now"):
        backend.write({}, {"a": 1}, {})
    backend.close()


def test_redis_url_of_another_kind_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"state\.redis_url is not a URL of a Redis server"):
        RedisState("http://127.0.0.1:1", "any")


def test_redis_that_ends_is_an_outage_and_one_that_comes_back_empty_a_loss() -> None:
    server = RedisServer()
    backend = RedisState(server.url, "any")
    state = PlatformState(platform_id="p", keyring=KEYRING).keep_in(Storage(backend, 10))
    assert state.stored is not None
    state.stored.write({LANE: 5}, state.coverage)
    client = redis.Redis.from_url(server.url)
    client.flushall()
    with pytest.raises(StateLost, match="lost what was written"):
        state.stored.write({LANE: 6}, state.coverage)
    assert client.dbsize() == 0, "nothing is written after a loss"
    with pytest.raises(StateLost, match="lost what was written"):
        state.stored.load([], [], watched=False)
    client.close()
    server.close()
    with pytest.raises(ConnectionLost, match="does not answer"):
        state.stored.load([], [], watched=False)
    state.close()


def test_rows_of_a_read_that_failed_are_read_by_the_retry(reopen: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[int, list[int]] = {}

    def add(key: int, read: array[int]) -> None:
        found.setdefault(key, []).extend(read)

    backend = reopen("one")
    backend.write({Place("posts", 5, 1): rows((5000, 2))}, {}, {})
    working = WorkingSet(backend, [Container(KIND, add, lambda key: None)])
    with monkeypatch.context() as patch:
        patch.setattr(backend, "read", Mock(side_effect=ConnectionLost("no answer")))
        with pytest.raises(ConnectionLost):
            working.load({"posts": [(1, 5000)]})
    working.load({"posts": [(1, 5000), (1, 6000)]})
    assert found == {1: [5000, 2]}


def test_rows_are_read_once_unless_the_event_is_very_late(reopen: Open) -> None:
    found: list[int] = []
    backend = reopen("one")
    working = WorkingSet(backend, [Container(KIND, lambda _key, read: found.extend(read), lambda _key: None)])
    for bucket in range(1, 9):
        backend.write({Place("posts", bucket, 1): rows((bucket * 1000, bucket))}, {}, {})
        for _ in range(2):
            working.load({"posts": [(1, bucket * 1000)]})
    expected = [number for bucket in range(1, 9) for number in (bucket * 1000, bucket)]
    assert found == expected
    working.load({"posts": [(1, 2000), (1, 8000)]})
    assert set(found) == set(expected)


def test_posts_of_two_sidecars_on_one_address_count_for_both(redis_url: str) -> None:
    name, states = uuid.uuid4().hex, []
    for _ in range(2):
        storage = Storage(RedisState(redis_url, name), 10)
        states.append(PlatformState(platform_id="p", keyring=KEYRING, graph_epoch_s=600).keep_in(storage))

    for number in range(6):
        applied(states[number % 2], [post(f"p{number}", f"a{number}", number, ip="192.0.2.1")])
    counts = [
        named(applied(state, [post(f"q{number}", f"b{number}", 300, ip="192.0.2.1")])[0])["network_accounts_24h"]
        for number, state in enumerate(states)
    ]
    assert counts == [7, 7]
    for state in states:
        state.close()


def test_a_large_address_is_sampled_the_same_by_a_sidecar_that_joins_later(redis_url: str) -> None:
    name = uuid.uuid4().hex
    start_ms, day_ms = int(at(0).timestamp() * 1000), 86_400_000
    first = PlatformState(platform_id="p", keyring=KEYRING).keep_in(Storage(RedisState(redis_url, name), 10))
    numbers = [(number * 0x9E3779B97F4A7C15) % 2**64 for number in range(1, 40_001)]
    assert first.stored is not None
    for begin in range(0, len(numbers), 4_000):
        at_ms = start_ms + begin * 2_000
        posts = [PostSeen(at_ms, number, number, 7, 2, (5, 0)) for number in numbers[begin : begin + 4_000]]
        first.stored.load(posts, [], watched=False)
        for one in posts:
            first.apply_post(one)
        first.stored.write({LANE: 1}, first.coverage)
    second = PlatformState(platform_id="p", keyring=KEYRING).keep_in(Storage(RedisState(redis_url, name), 10))
    assert second.stored is not None
    at_ms = start_ms + day_ms
    second.stored.load([PostSeen(at_ms, 1, 1, 7, 2, (5, 0))], [], watched=False)
    minute = at_ms // 60_000
    counts = [
        members.number(members.day, 1, is_one=False)
        for members in (s.addresses.read(5, minute) for s in (first, second))
    ]
    assert counts[1] == pytest.approx(counts[0], rel=0.05)
    assert counts[1] == pytest.approx(len(numbers), rel=0.1)
    first.close()
    second.close()
