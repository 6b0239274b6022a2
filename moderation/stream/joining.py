"""Reads follow events before a sidecar joins a shared pipeline.

Each sidecar needs the complete graph. One that took partitions first would hold up the others while it reads all follow
events, and after `kafka.stalled_ms` they would go on with windows missing.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from contextlib import ExitStack

from moderation.effects import Partition
from moderation.errors import RecordsExpired
from moderation.features import FeatureExtractor
from moderation.state import PlatformState, has_saved
from moderation.stream.assembly import Builders, Connectors, LoopConfig
from moderation.stream.intake import Intake
from moderation.stream.ordering import EventTimeMerge
from moderation.stream.recovery import StartPlan
from moderation.stream.shared_work import SharedWork
from moderation.stream.slots import Assignment, Slots
from moderation.stream.starting import Beginning, Kept

log = logging.getLogger(__name__)


class Joining:
    """A sidecar of a shared pipeline before it has partitions."""

    def __init__(
        self, config: LoopConfig, connectors: Connectors, builders: Builders, intake: Intake, slots: Slots
    ) -> None:
        self._config = config
        self._slots = slots
        self._source, self._store, _ = connectors
        self._builders = builders
        self._intake = intake

    def graph(self, stop: threading.Event, on_wait: Callable[[], None]) -> Kept | None:
        """Return a state with the graph as of the posts that were judged.

        None where a start must read the follow events with its partitions: at the first start of the pipeline, where
        they share a topic with others, and where some are lost.
        """
        follows = self._slots.of_follows()
        logs = {(p.cluster_id, p.topic) for p in follows}
        if not any(self._store.known_topic_ids(self._config.pipeline, *log) for log in logs):
            return None
        bounds = {p: found for p, found in self._source.bounds().items() if p in follows}
        lost = self._config.on_lost_records
        beginning = Beginning({}, bounds, self._slots.kinds, frozenset(), self._config.follows, lost)
        with ExitStack() as undo:
            state = self._builders.new_state()
            undo.callback(state.close)
            directory = self._config.state_directory
            saved = state.restore(directory) if directory is not None and has_saved(directory) else None
            plan = beginning.plan_follows(set(follows), saved)
            if plan.gaps or (saved is not None and not plan.use_saved):
                return None
            if directory is not None:
                state.keep_journal(directory)
            log.info("reading at most %d follow events before partitions are taken", plan.to_rebuild(bounds))
            try:
                positions = self._read(state, plan, stop, on_wait)
            except RecordsExpired:
                return None
            undo.pop_all()
        return Kept(state, positions)

    def _read(
        self, state: PlatformState, plan: StartPlan, stop: threading.Event, on_wait: Callable[[], None]
    ) -> dict[Partition, int]:
        """Apply the follow events as far as the posts were judged; return the positions then.

        Not further, because degrees are those of the latest minutes only, and less far where a partition returns
        nothing.
        """
        positions, extractor, config = dict(plan.read_from), FeatureExtractor(state), self._config
        merge = EventTimeMerge(sorted(positions), stalled_ms=config.stalled_ms, now_ms=0.0)
        assignment = Assignment(frozenset(), frozenset(positions), {}, frozenset(range(self._slots.number)))
        shared = SharedWork(assignment, state, merge, math.inf)
        shared.read_others()
        self._intake.begin(plan)
        while not stop.is_set():
            on_wait()
            self._intake.fill(merge, shared, stop)
            if merge.stalled(shared.now_ms):
                break
            items = shared.take(config.max_records, config.max_bytes, flush=False)
            for item in items:
                if item.event is not None:
                    extractor.observe(item.event)
                origin = item.origin
                positions[origin.partition] = max(positions[origin.partition], origin.offset + 1)
            if shared.held or (len(merge) == 0 and not self._source.unread()):
                break
        return positions
