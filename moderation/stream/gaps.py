"""Keeps windows unknown after lost records, until every affected partition has an event."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from moderation.effects import Partition
from moderation.mapping import Kind
from moderation.state import PlatformState
from moderation.stream.ordering import Item
from moderation.values.bounds import record_time

NEVER_MS = 2**62
"""A time after any event: no window is known yet."""


class GapWatch:
    """Keeps the state degraded until the first event of each partition with a gap.

    Windows are known from the latest of these first events, by their time in the log, because event times can lie far
    in the past. Where follow events may be among the lost records, the graph stays unknown.
    """

    def __init__(
        self,
        state: PlatformState,
        gaps: Iterable[Partition],
        holding: Mapping[Partition, int],
        kinds: Mapping[str, Kind | None],
        now_ms: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        """Wait for the partitions with *gaps* whose log is not empty; *holding* has the end of each."""
        self._now_ms = now_ms
        self._state = state
        self._waiting = dict(holding)
        self._before_ms = state.coverage.degraded_since_ms
        self._latest_ms = 0
        lost = any(kinds.get(partition.topic) in ("follow", None) for partition in gaps)
        if self._waiting or lost:
            state.mark_degraded(NEVER_MS if self._waiting else state.coverage.degraded_since_ms, graph_lost=lost)

    @property
    def open(self) -> bool:
        """Whether no window is known yet; a save would make this permanent."""
        return bool(self._waiting)

    def note(self, items: Sequence[Item]) -> None:
        """Record items before they are judged."""
        if not self._waiting:
            return
        for item in items:
            if item.at_ms is not None and item.origin.partition in self._waiting:
                del self._waiting[item.origin.partition]
                written_ms = record_time(item.origin.timestamp_ms, self._now_ms()) or 0
                self._latest_ms = max(item.at_ms, written_ms, self._latest_ms)
        if not self._waiting:
            self._state.mark_degraded(self._latest_ms, graph_lost=False)

    def note_read(self, positions: Mapping[Partition, int]) -> None:
        """Stop waiting for partitions that were read to the end of their log without an event.

        Control records, records of aborted transactions and dead letters are not events.
        """
        ended = [partition for partition, end in self._waiting.items() if positions.get(partition, -1) >= end]
        for partition in ended:
            del self._waiting[partition]
        if ended and not self._waiting:
            self._state.mark_degraded(self._latest_ms or self._before_ms, graph_lost=False)
