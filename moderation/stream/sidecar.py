"""The loop: poll, order, judge, commit in one transaction, commit offsets to the broker; its start and its end.

It uses connectors only through protocols. After a crash at any point a restart recovers: the ledger, which moves in the
same transaction as the flags, has the committed positions, and everything after them is processed again.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

from moderation.effects import Effects, Partition
from moderation.errors import ConnectionLost, FencedError, RecordsExpired, StateLost
from moderation.ports import Claim, Member
from moderation.state import PlatformState
from moderation.state.figures import figures_of
from moderation.stream.assembly import Builders, Callbacks, Connectors, Decoder, LoopConfig
from moderation.stream.every import Every
from moderation.stream.gaps import GapWatch
from moderation.stream.intake import Intake
from moderation.stream.joining import Joining
from moderation.stream.lease import Lease
from moderation.stream.observing import Batch, LoopView
from moderation.stream.ordering import EventTimeMerge, Item
from moderation.stream.pipeline import Pipeline
from moderation.stream.recovery import StartPlan
from moderation.stream.shared_lease import Reassigned, SharedLease
from moderation.stream.shared_work import SharedWork
from moderation.stream.slots import Assignment, Slots
from moderation.stream.starting import Beginning, Kept, begin, recreated_in

log = logging.getLogger(__name__)

_Done = TypeVar("_Done")

EXPIRY_EVERY_S = 3600.0
LOOK_EVERY_S = 1.0
PASS_EVERY_S = 5.0
RELAY_EVERY_S = 30.0
RELAY_FOR_S = 20.0
"""Limit of relaying at a time: the consumer group removes a member that does not poll for five minutes."""
RETRY_FIRST_S = 0.2
RETRY_MAX_S = 10.0
STEPS = ("polled", "scoring", "before_commit", "committed", "hinted", "stored", "saved")
"""Arguments of `on_step`, in the order of a round."""


class Sidecar:
    """One running sidecar over one source and one store."""

    def __init__(
        self,
        config: LoopConfig,
        connectors: Connectors,
        decoder: Decoder,
        builders: Builders,
        callbacks: Callbacks,
    ) -> None:
        self._config = config
        self._source, self._store, self._relay = connectors
        self._decoder = decoder
        self._builders = builders
        self._on_step = callbacks.on_step
        self._on_batch, self._observer, self._stages = callbacks.on_batch, callbacks.observer, callbacks.stages
        self._stop = threading.Event()
        self.ended = threading.Event()
        """Set when `run` has returned or raised, and released its resources."""
        self._intake = Intake(self._source, decoder, config, callbacks, self._beat)
        self._slots = Slots(self._source.partitions(), decoder.kinds, config.follows)
        self._lease = self._new_lease()
        self._joining = Joining(config, connectors, builders, self._intake, self._slots)
        self._kept: Kept | None = None
        self._last_beat = time.monotonic()
        self._positions: dict[Partition, int] = {}
        self.totals: dict[str, int] = {}
        self.degraded: tuple[str, ...] = ()
        self._late_seen = 0

    def _new_lease(self) -> Lease | SharedLease:
        config = self._config
        if not config.shared:
            return Lease(self._store, config.pipeline, config.owner, config.lease_ttl_s)
        if self._slots.why_not_shared is not None:
            log.warning("one sidecar reads all partitions, others wait: %s", self._slots.why_not_shared)
        return SharedLease(self._store, Member(config.pipeline, config.owner, self._slots.number), config.lease_ttl_s)

    def stop(self) -> None:
        """Stop after the current batch. May be called from a signal handler."""
        self._stop.set()

    @property
    def seconds_without_progress(self) -> float:
        """Seconds since the last progress of the loop, for a watchdog in another thread."""
        return time.monotonic() - self._last_beat

    def run(self) -> None:
        """Run until stopped or until the source has ended.

        Raises FencedError when another sidecar has taken over, PositionError when the log does not match the ledger,
        DetectorOverdue when one post cannot be scored before the deadline, ConnectionLost when a server is unavailable
        at the start; later outages are retried.
        """
        try:
            if self._config.shared:
                self._kept = self._joining.graph(self._stop, self._beat)
            self._lease.take(self._stop, self._beat, standby=self._config.standby)
            if not self._stop.is_set():
                self._lease.keep()
                while not self._stop.is_set() and not self._run_until_end_or_gap():
                    self._stop.wait(RETRY_FIRST_S)
        except ConnectionLost:
            if not self._stop.is_set():
                raise
            log.warning("stopped while a server was unavailable; uncommitted records are processed at the next start")
        finally:
            self._lease.end()
            self._beat()
            try:
                if self._kept is not None:
                    self._kept.state.close()
                self._source.close()
                self._lease.release()
            finally:
                self.ended.set()  # last: a frozen server can block these too, which the watchdog must detect

    def _run_until_end_or_gap(self) -> bool:
        """Return False where the loop must start again: after a gap, a loss of the state, or with other partitions.

        After records expired before they were read, the state in memory lies before a gap, which the new start handles
        as after a stop: it continues after the gap, or raises PositionError.
        """
        kept, state, gaps = False, None, None
        try:
            assignment = self._assignment()
            start = partial(self._start, assignment)
            claim, state, gaps = self._wait_out(start) if self._positions else start()  # there are some since a start
            self._work(claim, state, gaps, assignment)
        except (RecordsExpired, StateLost) as lost:
            log.warning("%s; starting again from the ledger", lost)
            return False
        except Reassigned:
            kept = True
            return False
        except FencedError as fenced:
            if not self._config.shared:
                raise
            log.warning("%s; starting again with other partitions", fenced)
            self._wait_out(self._lease.fenced)
            kept = True
            return False
        finally:
            if kept and state is not None and gaps is not None and not gaps.open:
                self._kept = Kept(state, dict(self._positions))
            elif state is not None:
                state.close()  # with an open gap too: nothing of it was written, so the next start detects it again
        return True

    def _assignment(self) -> Assignment:
        """Return what this sidecar reads; in a shared pipeline, wait until it has a slot."""
        if not self._config.shared:
            return Assignment.of_all(self._source.partitions())

        def on_wait() -> None:
            self._observer.unassigned()
            self._beat()

        self._wait_out(lambda: self._lease.take(self._stop, on_wait))
        return self._slots.assignment(self._wait_out(self._lease.begin), number=self._slots.number)

    def _start(self, assignment: Assignment) -> tuple[Claim, PlatformState, GapWatch]:
        self._lease.check()  # during an outage another sidecar can have taken over
        config = self._config
        recreated = recreated_in(self._source.partitions(), self._store, config)
        claim = self._store.claim(config.pipeline, config.owner, sorted(assignment.owned))
        bounds = {p: found for p, found in self._source.bounds().items() if p in assignment.read}
        kinds, lost = self._decoder.kinds, config.on_lost_records
        beginning = Beginning(claim.positions, bounds, kinds, recreated, config.follows, lost)
        kept, self._kept = self._kept, None
        with ExitStack() as undo:  # an error leaves nothing open, so that this can be repeated
            if kept is not None:
                undo.callback(kept.state.close)
            state, plan = begin(self._builders, config.state_directory, beginning, kept)
            undo.callback(state.close)
            if config.state_directory is not None:
                state.keep_journal(config.state_directory)
            # From now on the ledger has every partition, so that records which expire unread are detected.
            self._store.begin(claim, {p: plan.live_from[p] for p, known in claim.positions.items() if known is None})
            self.degraded = tuple(f"{p.topic}/{p.partition}: {reason}" for p, reason in sorted(plan.gaps.items()))
            self._begin(plan, bounds)
            undo.pop_all()
        holding = {p: bounds[p][1] for p in plan.gaps if bounds[p][0] < bounds[p][1]}
        return claim, state, GapWatch(state, plan.gaps, holding, self._decoder.kinds)

    def _begin(self, plan: StartPlan, bounds: Mapping[Partition, tuple[int, int]]) -> None:
        self._positions = dict(plan.read_from)
        self._intake.begin(plan)
        missing = "; ".join(self.degraded) or "state complete"
        log.info("start: %d records to rebuild the state from, %s", plan.to_rebuild(bounds), missing)

    def _work(self, claim: Claim, state: PlatformState, gaps: GapWatch, assignment: Assignment) -> None:
        pipeline = self._pipeline(state)
        merge = EventTimeMerge(sorted(assignment.read), stalled_ms=self._config.stalled_ms, now_ms=0.0)
        shared = SharedWork(assignment, state, merge, self._config.stalled_ms)
        pass_over, save = Every(PASS_EVERY_S), Every(self._config.save_state_every_s)
        expiry, relay, look = (Every(s, last=-math.inf) for s in (EXPIRY_EVERY_S, RELAY_EVERY_S, LOOK_EVERY_S))

        def handled(*, flush: bool) -> bool:
            """Handle one batch and return whether there was one; with *flush* all read records are ready."""
            with self._stages.timed("order"):
                items = shared.take(self._config.max_records, self._config.max_bytes, flush=flush)
            if items:
                gaps.note(items)
                self._handle(pipeline, claim, items, state)
                self._store_state(shared, gaps)
            elif shared.due():
                self._store_state(shared, gaps)
                self._wait_out(shared.read_others)
            return bool(items)

        while not self._stop.is_set():
            self._beat()
            self._lease.check()
            pipeline = self._pipeline(state) if self._builders.refreshed() else pipeline
            try:
                self._intake.fill(merge, shared, self._stop)
            except RecordsExpired:
                # Records read before the gap may have expired too, so they are handled before the new start.
                while not self._stop.is_set() and handled(flush=True):
                    self._beat()
                    self._lease.check()
                raise
            if not handled(flush=self._source.ended) and self._source.ended and not len(merge):
                break
            look.run(lambda: self._look(merge, shared))
            pass_over.run(lambda: self._pass_over(claim, merge, gaps))
            save.run(lambda: self._save(shared, gaps))
            expiry.run(lambda: self._wait_out(self._store.expire))
            relay.run(self._relay_letters)
        self._relay_letters()
        state.finish_saving()
        self._save(shared, gaps)
        state.finish_saving()

    def _pipeline(self, state: PlatformState) -> Pipeline:
        pipeline = self._builders.pipeline(state)
        state.epochs.on_wait = self._beat
        pipeline.scoring.on_wait, pipeline.stages = self._beat, self._stages
        self._late_seen = state.coverage.late_events
        return pipeline

    def _handle(self, pipeline: Pipeline, claim: Claim, items: Sequence[Item], state: PlatformState) -> None:
        self._on_step("scoring")
        began_at, began = time.time(), time.monotonic()
        with self._stages.timed("state"):
            self._wait_out(lambda: pipeline.prepare(items))
        outcome = pipeline.process(items)
        self._on_step("before_commit")
        if outcome.effects.positions:
            with self._stages.timed("commit"):
                self._persist(claim, outcome.effects)
        for item in items if outcome.overdue is None else ():
            done = self._positions.get(item.origin.partition, 0)
            self._positions[item.origin.partition] = max(done, item.origin.offset + 1)
        late = state.coverage.late_events
        if late > self._late_seen:
            outcome.effects.count("late_events", late - self._late_seen)
            self._late_seen = late
        for name, count in outcome.effects.counters.items():
            self.totals[name] = self.totals.get(name, 0) + count
        self._on_batch(outcome)
        self._observer.batch(Batch(items, outcome, began_at, time.monotonic() - began, self._stages.take()))
        if outcome.overdue is not None:
            raise outcome.overdue

    def _look(self, merge: EventTimeMerge, shared: SharedWork) -> None:
        seen = self._source.ends(), merge.oldest_ms(), self._intake.stalled, figures_of(shared.state)
        self._observer.view(LoopView(dict(self._positions), *seen, waiting=shared.waiting))

    def _pass_over(self, claim: Claim, merge: EventTimeMerge, gaps: GapWatch) -> None:
        """Commit positions beyond offsets without a record, such as control records and aborted transactions.

        Otherwise they would count as records that expired unread, and as lag.
        """
        read = {p: offset for p, offset in self._source.positions().items() if not merge.buffered(p)}
        gaps.note_read(read)
        live_from = self._decoder.live_from
        passed = {
            p: offset for p, offset in read.items() if offset > max(self._positions.get(p, 0), live_from.get(p, 0))
        }
        if passed:
            self._persist(claim, Effects(positions=passed))
            self._positions.update(passed)

    def _persist(self, claim: Claim, effects: Effects) -> None:
        """Commit to the database first, then to the broker, so that a crash between the two loses nothing."""
        for name, count in self._wait_out(lambda: self._store.commit(claim, effects)).items():
            effects.count(name, count)
        self._on_step("committed")
        self._source.commit(effects.positions)
        self._on_step("hinted")
        if effects.dead_letters:
            self._relay_letters()

    def _wait_out(self, work: Callable[[], _Done]) -> _Done:
        """Repeat `work` until the server answers; it must be idempotent."""
        pause_s = RETRY_FIRST_S
        while True:
            try:
                return work()
            except ConnectionLost as lost:
                log.warning("%s; retrying in %.1f s", lost, pause_s)
                self._observer.outage()
                self._beat()
                if self._stop.wait(pause_s):
                    raise
                pause_s = min(2 * pause_s, RETRY_MAX_S)

    def _relay_letters(self) -> None:
        """Send dead letters for a limited time; the others are sent with a later batch.

        After the end of the source all are sent, because there is no later batch. In a shared pipeline one sidecar
        sends them.
        """
        if 0 not in self._lease.running:
            return
        until = time.monotonic() + RELAY_FOR_S
        try:
            while self._relay.run_once(on_wait=self._beat):
                self._beat()
                if not self._source.ended and (self._stop.is_set() or time.monotonic() > until):
                    return
        except ConnectionLost as lost:
            log.warning("%s", lost)

    def _store_state(self, shared: SharedWork, gaps: GapWatch) -> None:
        """Write to the backend of the state what a committed batch added.

        After the commit, so that the backend is never ahead of the ledger: what it lacks after a crash is applied again
        without effects, and no post is taken for a repeated one.
        """
        if shared.state.stored is not None:
            positions = None if gaps.open else self._positions
            self._wait_out(lambda: shared.write(positions))
            self._on_step("stored")

    def _save(self, shared: SharedWork, gaps: GapWatch) -> None:
        """Begin to save the state; while a gap is open nothing is saved, because that would lose the gap.

        A failure is logged and not fatal, because a save only shortens the next start.
        """
        self._store_state(shared, gaps)
        if self._config.state_directory is not None and not gaps.open:
            shared.state.save(self._positions)
            self._on_step("saved")

    def _beat(self) -> None:
        self._last_beat = time.monotonic()
