"""The loop keeps its promises with stand-ins for the servers; the acceptance test repeats them with real ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from moderation.effects import Effects, Partition
from moderation.errors import FencedError, PositionError
from moderation.mapping import FieldMapping
from moderation.ports import Claim
from moderation.state.epochs import GraphEpochs
from moderation.stream.assembly import Builders, Callbacks, Connectors, Decoder, LoopConfig
from moderation.stream.sidecar import Sidecar
from tests.unit.core.doubles import MemoryLog, MemoryRelay, MemorySource, MemoryStore, new_pipeline, new_state

LANES = [Partition("c", "posts", "t", number) for number in range(2)]


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the loop may catch it."""


def records(count: int) -> MemoryLog:
    """Posts dealt out over two partitions in event-time order; every third is of a robot, every tenth is broken."""
    log = MemoryLog({lane: [] for lane in LANES})
    for number in range(count):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        robot = number % 3 == 0
        text = "I am a robot." if robot else "A walk."
        author = f"{'r' if robot else 'a'}{number % 7}"
        event = {"post_id": f"p{number}", "text": text, "account_id": author, "created_at": at.isoformat()}
        raw = b"{broken" if number % 10 == 9 else json.dumps(event).encode()
        log.records[LANES[number % 2]].append(raw)
    return log


EXPECTED = {f"p{number}" for number in range(60) if number % 3 == 0 and number % 10 != 9}


def loop_config(
    *,
    owner: str = "one",
    state_directory: Path | None = None,
    on_lost_records: Literal["stop", "skip"] = "stop",
) -> LoopConfig:
    """Small batches and a lease that lapses soon."""
    return LoopConfig(
        pipeline="m",
        owner=owner,
        lease_ttl_s=0.2,
        max_records=8,
        max_bytes=1_000_000,
        buffer_records=50,
        buffer_bytes=1_000_000,
        buffer_bytes_in_all=2_000_000,
        stalled_ms=1000,
        state_directory=state_directory,
        save_state_every_s=0.0,
        on_lost_records=on_lost_records,
    )


def sidecar(
    log: MemoryLog | MemorySource,
    store: MemoryStore,
    on_step: Callable[[str], None] = lambda _step: None,
    state_directory: Path | None = None,
    owner: str = "one",
    on_lost_records: Literal["stop", "skip"] = "stop",
) -> Sidecar:
    source = log if isinstance(log, MemorySource) else MemorySource(log)
    return Sidecar(
        loop_config(owner=owner, state_directory=state_directory, on_lost_records=on_lost_records),
        Connectors(source, store, MemoryRelay(store)),
        Decoder({"posts": "post"}, FieldMapping({})),
        Builders(new_pipeline, new_state),
        Callbacks(on_step),
    )


def killing(step: str, count: int) -> Callable[[str], None]:
    heard = [0]

    def on_step(name: str) -> None:
        heard[0] += name == step
        if name == step and heard[0] == count:
            raise Killed

    return on_step


def flagged(store: MemoryStore) -> set[str]:
    return {post_id for _, post_id, _ in store.flags}


def test_a_clean_run_flags_what_it_should_and_moves_the_ledger_to_the_end() -> None:
    log, store = records(60), MemoryStore()
    sidecar(log, store).run()
    assert flagged(store) == EXPECTED
    assert store.positions == dict.fromkeys(LANES, 30) == log.hinted
    assert len(store.letters) == len(store.sent) == 6
    assert store.lease is None


def test_run_adds_what_the_store_counted_to_the_totals() -> None:
    class Counting(MemoryStore):
        def commit(self, claim: Claim, effects: Effects) -> dict[str, int]:
            return {**super().commit(claim, effects), "deletions_ambiguous": len(effects.dead_letters)}

    log, store = records(60), Counting()
    running = sidecar(log, store)
    store.outages = 1
    running.run()
    assert running.totals["deletions_ambiguous"] == len(store.letters) == 6


def test_the_watchdog_still_watches_while_what_was_held_is_given_back() -> None:
    watched: list[bool] = []

    class Frozen(MemoryStore):
        def release_lease(self, pipeline: str, owner: str) -> None:
            watched.append(not work.ended.is_set())
            raise Killed

    work = sidecar(records(4), Frozen())
    with pytest.raises(Killed):
        work.run()
    assert watched == [True]
    assert work.ended.is_set()


@pytest.mark.parametrize("saved", [True, False])
@pytest.mark.parametrize("step", ["polled", "scoring", "before_commit", "committed", "hinted", "saved"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_kill_at_any_step_loses_and_doubles_nothing(step: str, count: int, saved: bool, tmp_path: Path) -> None:
    log, store = records(60), MemoryStore()
    path = tmp_path / "state" if saved else None
    if step == "saved" and not saved:
        step = "committed"
    with pytest.raises(Killed):
        sidecar(log, store, killing(step, count), path).run()
    store.lease = None
    sidecar(log, store, state_directory=path).run()
    assert flagged(store) == EXPECTED
    assert sum(len(effects.flags) for effects in store.commits) == len(EXPECTED), "no flag was even tried twice"
    assert sum(len(effects.dead_letters) for effects in store.commits) == 6


def test_a_database_outage_is_waited_out() -> None:
    log, store = records(20), MemoryStore()
    store.outages = 2
    sidecar(log, store).run()
    assert store.positions == dict.fromkeys(LANES, 10)


def test_a_second_sidecar_is_turned_away_while_the_first_lives() -> None:
    store = MemoryStore()
    store.lease = "another"
    with pytest.raises(FencedError, match="holds the pipeline"):
        sidecar(records(10), store).run()
    assert store.epochs == {}
    assert store.lease == "another"


def test_a_standby_waits_for_the_lease_and_takes_over_without_loss() -> None:
    log, store = records(60), MemoryStore()
    first = sidecar(log, store, lambda step: first.stop() if step == "committed" else None)
    standby = sidecar(log, store, owner="two")
    standby._config = replace(standby._config, standby=True)
    store.lease = "one"
    waiting = threading.Thread(target=standby.run)
    waiting.start()
    first.run()
    waiting.join(60)
    assert not waiting.is_alive()
    assert flagged(store) == EXPECTED
    assert store.positions == dict.fromkeys(LANES, 30)


def test_a_stale_writer_is_fenced_and_writes_nothing() -> None:
    log, store = records(60), MemoryStore()

    def steal(step: str) -> None:
        if step == "before_commit" and len(store.commits) == 2:
            store.claim("m", "thief", LANES)

    with pytest.raises(FencedError):
        sidecar(log, store, steal).run()
    assert len(store.commits) == 2


def test_a_recreated_topic_stops_with_a_sentence() -> None:
    log, store = records(10), MemoryStore()
    store.positions[Partition("c", "posts", "another id", 0)] = 5
    with pytest.raises(PositionError, match="was recreated"):
        sidecar(log, store).run()


def test_a_log_that_lost_its_past_is_named_and_its_windows_are_missing() -> None:
    log, store = records(60), MemoryStore()
    log.first = dict.fromkeys(LANES, 4)
    for lane in LANES:
        store.positions[lane] = 6
    running = sidecar(log, store)
    running.run()
    assert running.degraded == ("posts/0: the log begins at offset 4", "posts/1: the log begins at offset 4")
    degraded = [flag.assessment.degraded for effects in store.commits for flag in effects.flags]
    assert degraded
    assert all("windows_24h" in names for names in degraded)
    assert all("graph" not in names for names in degraded), "posts were lost, not follows"


def expire_once(log: MemoryLog, at: str, first: int) -> Callable[[str], None]:
    """The log of both partitions begins at *first* from the first step of that name on."""

    def on_step(name: str) -> None:
        if name == at and not log.first:
            log.first = dict.fromkeys(LANES, first)

    return on_step


@pytest.mark.parametrize("saved", [True, False])
def test_records_that_expire_while_it_runs_are_passed_over_where_that_was_chosen(saved: bool, tmp_path: Path) -> None:
    log, store = records(60), MemoryStore()
    place = tmp_path / "state" if saved else None
    running = sidecar(log, store, expire_once(log, "committed", 20), place, on_lost_records="skip")
    running.run()
    assert store.positions == dict.fromkeys(LANES, 30)
    before = {
        post_id for effects in store.commits[:1] for flag in effects.flags for post_id in [flag.assessment.post_id]
    }
    assert before < EXPECTED
    assert flagged(store) == before | {post_id for post_id in EXPECTED if int(post_id[1:]) >= 40}
    assert len(running.degraded) == 2
    assert all("are gone" in reason for reason in running.degraded)
    assert all(flag.assessment.degraded for effects in store.commits[1:] for flag in effects.flags)


def test_records_that_expire_while_it_runs_stop_it_unless_the_operator_chose_otherwise() -> None:
    log, store = records(60), MemoryStore()
    with pytest.raises(PositionError, match=r"records expired unread.*on_lost_records"):
        sidecar(log, store, expire_once(log, "committed", 20)).run()
    # Ten were read, eight were done when the rest expired: the two that were in memory are not lost with it.
    assert len(store.commits) == 2
    assert store.positions == dict.fromkeys(LANES, 5)


def test_records_that_expire_in_a_partition_never_read_before_stop_the_next_start() -> None:
    log, store = MemoryLog({lane: [] for lane in LANES}), MemoryStore()
    sidecar(log, store).run()
    assert store.positions == dict.fromkeys(LANES, 0)
    log = records(60)
    log.first = dict.fromkeys(LANES, 10)
    with pytest.raises(PositionError, match="10 records expired unread"):
        sidecar(log, store).run()
    sidecar(log, store, on_lost_records="skip").run()
    assert store.positions == dict.fromkeys(LANES, 30)


def test_offsets_that_hold_no_record_move_the_ledger_and_expire_without_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moderation.stream.sidecar.PASS_EVERY_S", -1.0)
    control_records = 3
    log, store = records(60), MemoryStore()

    class Transactional(MemorySource):
        def bounds(self) -> dict[Partition, tuple[int, int]]:
            return {p: (first, end + control_records) for p, (first, end) in super().bounds().items()}

        def positions(self) -> dict[Partition, int]:
            read = super().positions()
            return {p: at + control_records if at == len(log.records[p]) else at for p, at in read.items()}

    sidecar(Transactional(log), store).run()
    assert flagged(store) == EXPECTED
    assert store.positions == dict.fromkeys(LANES, 33) == log.hinted
    store.lease = None
    log.first = dict.fromkeys(LANES, 33)
    log.records = {lane: log.records[lane] + [b""] * control_records for lane in LANES}
    sidecar(log, store).run()


def test_records_that_only_rebuild_the_state_may_expire_meanwhile() -> None:
    log, store = records(60), MemoryStore()
    store.positions = dict.fromkeys(LANES, 25)
    running = sidecar(log, store, expire_once(log, "polled", 10))
    running.run()
    assert store.positions == dict.fromkeys(LANES, 30)
    assert flagged(store) == {post_id for post_id in EXPECTED if int(post_id[1:]) >= 50}
    assert running.degraded == tuple(f"posts/{number}: the log begins at offset 10" for number in range(2))


def test_a_wait_for_the_graph_is_no_standstill(monkeypatch: pytest.MonkeyPatch) -> None:
    standstill_s: list[float] = []
    running = sidecar(records(20), MemoryStore())

    def advance(epochs: GraphEpochs, _at_ms: int) -> None:
        running._last_beat -= 1000
        epochs.on_wait()
        standstill_s.append(running.seconds_without_progress)

    monkeypatch.setattr(GraphEpochs, "advance", advance)
    running.run()
    assert standstill_s
    assert max(standstill_s) < 100


def test_stopping_ends_after_the_batch_in_hand() -> None:
    log, store = records(60), MemoryStore()
    running = sidecar(log, store, lambda step: running.stop() if step == "committed" else None)
    running.run()
    assert len(store.commits) == 1
    assert store.lease is None
    sidecar(log, store).run()
    assert flagged(store) == EXPECTED


def test_a_server_that_stays_away_does_not_hold_up_a_clean_end() -> None:
    log, store = records(20), MemoryStore()
    store.outages = 10**9
    running = sidecar(log, store, lambda step: running.stop() if step == "before_commit" else None)
    running.run()
    assert store.commits == []
