"""Sidecars that share a pipeline find what one finds. The acceptance test repeats it with real servers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

import moderation.stream.sidecar
from moderation.effects import Partition
from moderation.errors import ConnectionLost, FencedError
from moderation.mapping import FieldMapping
from moderation.ports import Member, Shares
from moderation.state import PlatformState, Storage
from moderation.state.backend import Marks, Place
from moderation.stream.assembly import Builders, Callbacks, Connectors, Decoder, LoopConfig
from moderation.stream.observing import NotObserved
from moderation.stream.sidecar import Sidecar
from tests.unit.core.doubles import KEYRING, MemoryLog, MemoryRelay, new_pipeline
from tests.unit.core.shared_doubles import MemoryRows, SharedSource, SharedStore
from tests.unit.core.test_sidecar import Killed, killing

LANES = [Partition("c", "posts", "t", number) for number in range(2)]
FOLLOWS = Partition("c", "follows", "t", 0)
JOINED = -1
POSTS = 60
TOPICS = ["cars", "tea", "rain", "jazz", "boats", "maps", "soup", "chess", "bees", "gold"]


def log_of_posts() -> MemoryLog:
    """Posts of robots keyed by account on three addresses over half an hour, and follows between the accounts.

    Accounts of both partitions post the same texts.
    """
    log = MemoryLog({lane: [] for lane in (*LANES, FOLLOWS)})
    for number in range(POSTS):
        at = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=31 * number)).isoformat()
        account = number % 8
        event = {
            "post_id": f"p{number}",
            "text": f"I am a robot and this is what we all post now: {TOPICS[number // 6]}.",
            "account_id": f"a{account}",
            "created_at": at,
        }
        client = {"ip": f"192.0.2.{number % 3}"}
        log.records[LANES[account % 2]].append(json.dumps({**event, "client": client}).encode())
        follow = {"type": "follow", "account_id": f"a{account}", "target_account_id": f"a{number % 5}", "at": at}
        log.records[FOLLOWS].append(json.dumps(follow).encode())
    return log


def _run(sidecar: Sidecar) -> None:
    with suppress(Killed):
        sidecar.run()


class Found(NamedTuple):
    """What was found about a flagged post."""

    features: tuple[float | None, ...]
    degraded: tuple[str, ...]


class Fleet:
    """Sidecars over one log, one store and one state."""

    def __init__(self, log: MemoryLog | None = None, stalled_ms: float = 60_000) -> None:
        self.log, self.store, self.rows = log or log_of_posts(), SharedStore(), MemoryRows()
        self._stalled_ms = stalled_ms
        self._threads: list[threading.Thread] = []

    def sidecar(self, owner: str, on_step: Callable[[str], None] = lambda _step: None) -> Sidecar:
        """Return a sidecar that is not started."""
        config = LoopConfig(
            pipeline="m",
            owner=owner,
            lease_ttl_s=0.15,
            max_records=4,
            max_bytes=1_000_000,
            buffer_records=50,
            buffer_bytes=1_000_000,
            buffer_bytes_in_all=2_000_000,
            stalled_ms=self._stalled_ms,
            state_directory=None,
            save_state_every_s=0.0,
            shared=True,
            follows="follows",
        )

        def new_state() -> PlatformState:
            state = PlatformState(platform_id="p", keyring=KEYRING, graph_epoch_s=600)
            state.keep_in(Storage(self.rows, 100))
            state.coverage.follows_complete_from_ms = 0
            return state

        return Sidecar(
            config,
            Connectors(SharedSource(self.log), self.store, MemoryRelay(self.store)),
            Decoder({"posts": "post", "follows": "follow"}, FieldMapping({})),
            Builders(new_pipeline, new_state),
            Callbacks(on_step),
        )

    def run(self, *sidecars: Sidecar) -> None:
        """Run until the ledger is at the end of the log, then stop."""
        self._threads = [threading.Thread(target=_run, args=[one]) for one in sidecars]
        for thread in self._threads:
            thread.start()
        deadline = time.monotonic() + 120
        ends = {lane: len(records) for lane, records in self.log.records.items()}
        while self.store.positions != ends and any(thread.is_alive() for thread in self._threads):
            assert time.monotonic() < deadline, self.store.positions
            time.sleep(0.01)
        for one in sidecars:
            one.stop()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def assessed(self) -> dict[str, Found]:
        """Features of each flagged post, with what was missing; fails where one was flagged twice."""
        flags = [flag.assessment for effects in self.store.commits for flag in effects.flags]
        found = {flag.post_id: Found(flag.features, flag.degraded) for flag in flags}
        assert len(found) == len(flags)
        return found


@pytest.fixture(scope="module")
def alone() -> dict[str, Found]:
    """What one sidecar finds."""
    fleet = Fleet()
    fleet.run(fleet.sidecar("one"))
    assert len(fleet.assessed()) == POSTS
    return fleet.assessed()


def test_two_sidecars_find_what_one_finds(alone: dict[str, Found]) -> None:
    fleet = Fleet()
    judged: set[str] = set()

    def by(owner: str) -> Callable[[str], None]:
        return lambda step: judged.add(owner) if step == "committed" else None

    fleet.store.members = {"one", "two"}
    fleet.run(fleet.sidecar("one", by("one")), fleet.sidecar("two", by("two")))
    assert judged == {"one", "two"}
    assert fleet.assessed() == alone


def test_a_sidecar_reads_the_follow_events_before_it_joins(
    alone: dict[str, Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, calls = Fleet(), list[int]()
    first = fleet.sidecar("one", lambda step: first.stop() if len(fleet.store.commits) > 12 else None)
    first.run()
    judged, share, seek = len(fleet.assessed()), SharedStore.share, SharedSource.seek

    def shared(store: SharedStore, member: Member, ttl_s: float, wanted: Collection[int]) -> Shares:
        calls.append(JOINED)
        return share(store, member, ttl_s, wanted)

    def sought(source: SharedSource, positions: Mapping[Partition, int]) -> None:
        calls.append(positions[FOLLOWS])
        seek(source, positions)

    monkeypatch.setattr(SharedStore, "share", shared)
    monkeypatch.setattr(SharedSource, "seek", sought)
    fleet.run(fleet.sidecar("two"))
    assert calls[:2] == [0, JOINED]
    assert next(at for at in calls[2:] if at != JOINED) >= judged
    assert fleet.assessed() == alone


@pytest.mark.parametrize("step", ["polled", "scoring", "before_commit", "committed", "hinted", "stored"])
def test_a_kill_of_one_at_any_step_changes_nothing(step: str, alone: dict[str, Found]) -> None:
    fleet = Fleet()
    fleet.store.members = {"one", "two"}

    killer = killing(step, 3)

    def die(name: str) -> None:
        try:
            killer(name)
        except Killed:
            threading.Timer(0.3, fleet.store.died, ["two"]).start()
            raise

    dying = fleet.sidecar("two", die)
    dying._lease.release = lambda: None  # type: ignore[method-assign]  # a process that is killed releases nothing
    fleet.run(fleet.sidecar("one"), dying)
    assert fleet.assessed() == alone
    assert fleet.store.positions == {lane: len(records) for lane, records in fleet.log.records.items()}


def test_a_sidecar_that_is_fenced_writes_nothing_and_starts_again(alone: dict[str, Found]) -> None:
    fleet = Fleet()
    stolen: list[str] = []

    def steal(step: str) -> None:
        if step == "before_commit" and len(fleet.store.commits) == 3 and not stolen:
            stolen.append(step)
            fleet.store.claim("m", "thief", LANES)

    fleet.run(fleet.sidecar("one", steal))
    assert stolen
    assert fleet.assessed() == alone


def test_a_loss_of_the_state_while_the_slots_change_changes_no_feature(alone: dict[str, Found]) -> None:
    fleet = Fleet()
    stolen: list[str] = []

    def steal(step: str) -> None:
        if step == "before_commit" and len(fleet.store.commits) == 20 and not stolen:
            stolen.append(step)
            fleet.rows.clear()
            fleet.store.claim("m", "thief", LANES)

    fleet.run(fleet.sidecar("one", steal))
    assert stolen
    assert fleet.assessed() == alone


def test_a_sidecar_that_is_fenced_during_a_gap_knows_windows_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moderation.stream.sidecar, "PASS_EVERY_S", 0.0)
    log = log_of_posts()
    log.records[LANES[0]] = [b"{broken"] * 6
    log.first = {LANES[0]: 4}
    fleet, stolen = Fleet(log), list[str]()

    def steal(step: str) -> None:
        if step == "before_commit" and not stolen:
            stolen.append(step)
            fleet.store.claim("m", "thief", LANES)

    fleet.run(fleet.sidecar("one", steal))
    assert stolen
    assert "degraded" not in fleet.rows.marks
    assert fleet.rows.marks


def test_a_state_that_was_lost_is_rebuilt_from_the_log(alone: dict[str, Found]) -> None:
    fleet = Fleet()
    lost: list[str] = []

    def lose(step: str) -> None:
        if step == "stored" and len(fleet.store.commits) == 5 and not lost:
            lost.append(step)
            fleet.rows.clear()

    fleet.run(fleet.sidecar("one", lose))
    assert lost
    assert fleet.assessed() == alone


def test_an_outage_while_a_sidecar_starts_again_is_waited_out(
    alone: dict[str, Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moderation.stream.sidecar, "RETRY_FIRST_S", 0.01)
    fleet, failures = Fleet(), list[str]()
    read = fleet.rows.read

    def fenced(step: str) -> None:
        if step == "before_commit" and len(fleet.store.commits) == 3 and not failures:
            fleet.store.claim("m", "thief", LANES)
            failures.append("none yet")

    def failing(places: Sequence[tuple[Place, int]]) -> tuple[list[bytes], Marks]:
        if 0 < len(failures) < 4:
            failures.append("read")
            raise ConnectionLost("no answer")
        return read(places)

    monkeypatch.setattr(fleet.rows, "read", failing)
    fleet.run(fleet.sidecar("one", fenced))
    assert len(failures) == 4
    assert fleet.assessed() == alone


def test_windows_that_need_a_sidecar_without_progress_are_missing_by_name() -> None:
    fleet = Fleet(stalled_ms=50)
    fleet.store.members, fleet.store.slots = {"ghost", "one"}, {1: "ghost"}
    running = fleet.sidecar("one", lambda step: running.stop() if len(fleet.store.commits) > 12 else None)
    running.run()
    assessed = fleet.assessed()
    assert assessed
    assert all("partition_behind" in str(degraded) for _, degraded in assessed.values())


def test_posts_of_a_slot_that_is_taken_over_far_behind_are_the_same_or_named(
    alone: dict[str, Found],
) -> None:
    fleet = Fleet(stalled_ms=50)
    fleet.store.members, fleet.store.slots = {"ghost", "one"}, {1: "ghost"}

    def take_over(step: str) -> None:
        if step == "stored" and fleet.store.positions.get(LANES[0]) == POSTS / 2:
            fleet.store.died("ghost")

    fleet.run(fleet.sidecar("one", take_over))
    found = {post_id: one for post_id, one in fleet.assessed().items() if int(post_id[1:]) % 2}
    assert {one.degraded for one in found.values()} == {("partition_behind", "partners_7d"), ("partners_7d",)}
    for post_id, one in found.items():
        pairs = zip(one.features, alone[post_id].features, strict=True)
        assert all(value in (None, expected) for value, expected in pairs), f"{post_id} has a value of its own"


def test_posts_wait_for_a_sidecar_that_has_not_reached_their_minute() -> None:
    fleet = Fleet()
    fleet.store.members, fleet.store.slots = {"ghost", "one"}, {1: "ghost"}
    first_ms = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    fleet.rows.marks["reached:1"] = first_ms + 5 * 60_000
    stored: list[str] = []

    def stop_after_a_while(step: str) -> None:
        stored.extend([step] if step == "stored" else [])
        if len(stored) > 200:  # it publishes its progress while it waits
            running.stop()

    running = fleet.sidecar("one", stop_after_a_while)
    running.run()
    times = [flag.assessment.event_time for effects in fleet.store.commits for flag in effects.flags]
    assert times
    assert max(at.timestamp() * 1000 for at in times if at is not None) < first_ms + 7 * 60_000
    assert {str(degraded) for _, degraded in fleet.assessed().values()} == {"()"}


@pytest.mark.parametrize("keyed", [True, False])
def test_posts_of_one_account_in_several_partitions_give_a_warning(
    keyed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    log = log_of_posts()
    lanes = [Partition("c", "posts", "t", number) for number in range(3)]
    everything = [record for lane in LANES for record in log.records[lane]]
    log.records = {lane: [] for lane in lanes} | {FOLLOWS: []}
    for number, record in enumerate(everything):
        account = int(json.loads(record)["account_id"][1:])
        log.records[lanes[account % 2 if keyed else number // 4 % 2]].append(record)
    fleet = Fleet(log, stalled_ms=0)
    fleet.store.members, fleet.store.slots = {"ghost", "a-first"}, {2: "ghost"}
    running = fleet.sidecar("a-first", lambda step: running.stop() if len(fleet.store.commits) > 10 else None)
    running.run()
    assert ("posts of one account are in several partitions" in caplog.text) is not keyed


def test_a_pipeline_that_one_sidecar_has_alone_is_not_shared() -> None:
    fleet = Fleet()
    fleet.store.lease = "alone"
    with pytest.raises(FencedError, match=r"state of its own runs the pipeline m.*same state\.backend"):
        fleet.sidecar("one").run()


def test_a_member_without_a_slot_waits_and_ends_cleanly() -> None:
    fleet = Fleet()
    fleet.store.members, fleet.store.slots = {"a", "b", "one"}, {0: "a", 1: "b"}
    running = fleet.sidecar("one")
    threading.Timer(0.5, running.stop).start()
    running.run()
    assert fleet.store.commits == []
    assert fleet.store.members == {"a", "b"}


class Waiting(NotObserved):
    """Stops the sidecar once it has waited for partitions."""

    def __init__(self) -> None:
        self.waited = 0
        self.stop: Callable[[], None] = lambda: None

    def unassigned(self) -> None:
        self.waited += 1
        self.stop()


def test_a_sidecar_that_lost_its_slots_and_waits_reports_that_it_has_none() -> None:
    fleet, observer = Fleet(), Waiting()

    def lose(step: str) -> None:
        if step == "stored" and not observer.waited:
            fleet.store.members, fleet.store.slots = {"a", "b", "one"}, {0: "a", 1: "b"}
            running._lease.fenced()

    running = fleet.sidecar("one", lose)
    running._observer, observer.stop = observer, running.stop
    running.run()
    assert observer.waited == 1
