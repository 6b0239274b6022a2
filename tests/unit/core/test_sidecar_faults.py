"""What the loop does when the lease, the detector or the relay does not do its part."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest

from moderation.detector import ContentScore
from moderation.effects import Origin
from moderation.errors import DetectorOverdue, ModerationError
from moderation.stream.ordering import Item
from moderation.stream.sidecar import Sidecar
from tests.unit.core.doubles import MemoryLog, MemoryRelay, MemorySource, MemoryStore, WordDetector, new_pipeline
from tests.unit.core.test_sidecar import EXPECTED, LANES, flagged, records, sidecar


def test_an_error_of_the_lease_renewal_ends_the_sidecar(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(MemoryStore):
        def acquire_lease(self, pipeline: str, owner: str, ttl_s: float) -> bool:
            if threading.current_thread().name == "lease":
                raise ValueError("no such clock")
            return super().acquire_lease(pipeline, owner, ttl_s)

    def wait_for_error(_step: str) -> None:
        deadline = time.monotonic() + 120
        while "the lease can no longer be renewed" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    store = Broken()
    with pytest.raises(ModerationError, match=r"no longer renewed .*ValueError: no such clock"):
        sidecar(records(60), store, wait_for_error).run()
    assert store.lease is None
    assert len(store.commits) <= 1


class SlowDetector(WordDetector):
    """Outlasts its deadline on more than `at_once` texts, and on each text that holds `stuck`."""

    def __init__(self, at_once: int, stuck: str = "\x00") -> None:
        super().__init__()
        self._at_once = at_once
        self._stuck = stuck

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        if len(texts) > self._at_once or any(self._stuck in text for text in texts):
            raise DetectorOverdue("scoring took longer than 1 s and was stopped")
        return super().score(texts, languages)


def with_detector(log: MemoryLog, store: MemoryStore, detector: WordDetector) -> Sidecar:
    """A sidecar with this detector."""
    running = sidecar(log, store)
    build = partial(new_pipeline, detector=detector)
    running._builders = replace(running._builders, pipeline=build)
    return running


def test_a_batch_that_outlasts_the_deadline_is_split_and_each_call_is_progress() -> None:
    log, store, detector = records(60), MemoryStore(), SlowDetector(at_once=3)
    running = with_detector(log, store, detector)
    beats: list[int] = []
    beat = running._beat
    running._beat = lambda: (beats.append(len(detector.texts)), beat())[1]  # type: ignore[method-assign]
    running.run()
    assert flagged(store) == EXPECTED
    assert store.positions == dict.fromkeys(LANES, 30)
    assert len(set(beats)) > len(store.commits), "a sign of progress comes after each call, not after each batch"


def test_a_post_that_outlasts_the_deadline_ends_the_process_and_the_posts_before_it_are_kept() -> None:
    log, store = records(60), MemoryStore()
    log.records[LANES[1]][10] = log.records[LANES[1]][10].replace(b"robot", b"endless").replace(b"walk", b"endless")
    with pytest.raises(DetectorOverdue, match="posts/1 at offset 10: scoring took longer"):
        with_detector(log, store, SlowDetector(100, "endless")).run()
    assert store.positions == {LANES[0]: 11, LANES[1]: 10}
    before = {post_id for post_id in EXPECTED if int(post_id[1:]) < 21}
    assert flagged(store) == before
    store.lease = None
    first, commits = SlowDetector(100, "endless"), len(store.commits)
    with pytest.raises(DetectorOverdue, match="posts/1 at offset 10"):
        with_detector(log, store, first).run()
    assert first.texts
    assert len(store.commits) == commits, "the restart scores earlier posts for the state only"
    store.lease = None
    sidecar(log, store).run()
    assert flagged(store) == EXPECTED - {"p21", "p42"}, "the two texts of this account have a mean of zero"


def test_each_decoded_record_is_progress_because_one_poll_can_return_thousands_of_slow_ones() -> None:
    running = sidecar(records(60), MemoryStore())
    decoded, beats = running._decoder.item, []

    def item(origin: Origin) -> Item:
        beats.append(running._last_beat)
        return decoded(origin)

    running._decoder.item = item  # type: ignore[method-assign]
    running.run()
    assert len(set(beats)) == 60


class EndlessRelay(MemoryRelay):
    """Always has more to send, and reports progress while it does; 1 000 rounds are more than any test waits for."""

    rounds = 0

    def run_once(self, limit: int = 500, *, on_wait: Callable[[], None] = lambda: None) -> int:
        self.rounds += 1
        on_wait()
        return int(self.rounds < 1000)


def test_a_relay_that_always_has_more_to_send_holds_up_no_post_and_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moderation.stream.sidecar.RELAY_FOR_S", -1.0)
    log, store = records(60), MemoryStore()
    relay = EndlessRelay(store)
    running = sidecar(log, store)
    running._relay = relay
    monkeypatch.setattr(MemorySource, "ended", False)
    rounds: list[int] = []

    def on_step(step: str) -> None:
        rounds.append(relay.rounds)
        if step == "committed" and store.positions == dict.fromkeys(LANES, 30):
            running.stop()

    running._on_step = on_step
    running._config = replace(running._config, stalled_ms=0.0)
    running.run()
    assert flagged(store) == EXPECTED
    assert relay.rounds < 20, "one round for each batch with dead letters, one at the start, one at the end"


def test_a_long_relay_is_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    running = sidecar(records(20), MemoryStore())
    standstill_s: list[float] = []

    class Long(MemoryRelay):
        def run_once(self, limit: int = 500, *, on_wait: Callable[[], None] = lambda: None) -> int:
            running._last_beat -= 1000
            on_wait()
            standstill_s.append(running.seconds_without_progress)
            return super().run_once(limit)

    running._relay = Long(MemoryStore())
    running.run()
    assert standstill_s
    assert max(standstill_s) < 100
