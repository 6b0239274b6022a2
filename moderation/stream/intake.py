"""Fetches and decodes records, as far as there is room for them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from moderation.effects import Partition
from moderation.errors import ConnectionLost
from moderation.ports import Source
from moderation.stream.assembly import Callbacks, Decoder, LoopConfig
from moderation.stream.ordering import EventTimeMerge
from moderation.stream.recovery import StartPlan
from moderation.stream.shared_work import SharedWork

log = logging.getLogger(__name__)

POLL_MS = 100
HELD_POLL_MS = 2
"""While records wait for other sidecars."""
BUSY_POLL_MS = 20
"""Never zero, even with a full buffer, because a rejoin of the group only proceeds within a poll."""
ASSIGNMENT_TIMEOUT_S = 60.0
PAUSE_S = 0.2
"""Pause after a poll that failed."""


class Intake:
    """Reads a source into a merge; a partition that is far ahead is paused until the others have caught up."""

    def __init__(
        self, source: Source, decoder: Decoder, config: LoopConfig, callbacks: Callbacks, beat: Callable[[], None]
    ) -> None:
        """*beat* notes progress: decoding what one poll returned can take longer than the watchdog permits."""
        self._beat = beat
        self._source = source
        self._decoder = decoder
        self._config = config
        self._callbacks = callbacks
        self._paused: set[Partition] = set()
        self.stalled: frozenset[Partition] = frozenset()
        """Partitions that return nothing although their log continues."""

    def begin(self, plan: StartPlan) -> None:
        """Read the partitions of a plan from now on."""
        self._source.resume(self._paused)
        self._paused = set()
        self._decoder.live_from = dict(plan.live_from)
        self._source.seek(plan.read_from)
        self._source.await_assignment(ASSIGNMENT_TIMEOUT_S)

    def fill(self, merge: EventTimeMerge, shared: SharedWork, stop: threading.Event) -> None:
        """Poll once and add what was fetched. Raises RecordsExpired; an outage is waited for until *stop*."""
        begun_ms = shared.begin_poll()
        busy_ms = BUSY_POLL_MS if len(merge) > self._config.max_records else POLL_MS
        try:
            records = self._source.poll(HELD_POLL_MS if shared.held else busy_ms)
        except ConnectionLost as lost:
            log.warning("%s", lost)
            stop.wait(PAUSE_S)
            return
        with self._callbacks.stages.timed("decode"):
            for record in records:
                merge.add(self._decoder.item(record))
                self._beat()
        if records:
            merge.note_arrivals({record.partition for record in records}, shared.now_ms)
            self._callbacks.on_step("polled")
        merge.note_unread(self._source.unread())
        shared.polled(begun_ms)
        self._warn_of_stalled(merge.stalled(shared.now_ms))
        config = self._config
        full = merge.full(config.buffer_records, config.buffer_bytes, config.buffer_bytes_in_all)
        self._source.pause(full - self._paused)
        self._source.resume(self._paused - full)
        self._paused = full

    def _warn_of_stalled(self, stalled: set[Partition]) -> None:
        for partition in sorted(stalled - self.stalled):
            behind = f"partition {partition.partition} of {partition.topic} returns nothing although its log continues"
            log.warning("%s; features that depend on it are missing", behind)
        self.stalled = frozenset(stalled)
