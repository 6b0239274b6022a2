"""The reading of one assignment: which records may be judged now, and what is exchanged with other sidecars."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

from moderation.effects import Partition
from moderation.events import Post
from moderation.state import PlatformState
from moderation.stream.every import RoundClock
from moderation.stream.ordering import EventTimeMerge, Item
from moderation.stream.peers import Peers
from moderation.stream.slots import Assignment

log = logging.getLogger(__name__)

MOST_ACCOUNTS = 100_000
"""Accounts of which the partition is remembered, for a warning."""
EXCHANGE_EVERY_S = 0.2
"""How often an idle sidecar publishes its progress. One whose records wait for others does with every poll."""


class SharedWork:
    """The state and the merged records of an assignment, with the progress of other sidecars where there are any."""

    def __init__(self, assignment: Assignment, state: PlatformState, merge: EventTimeMerge, stalled_ms: float) -> None:
        self.state = state
        self._assignment = assignment
        self._merge = merge
        self._clock = RoundClock()
        self._peers = Peers(assignment, lateness_ms=state.coverage.lateness_ms, stalled_ms=stalled_ms, now_ms=0.0)
        self._shared = False
        if state.stored is not None and state.stored.backend.several:
            self._shared = True
            state.coverage.passed_ms = self._peers.passed_ms(state.stored.working.marks)
        self._polled_wall_ms = 0
        self._exchanged_s = 0.0
        self.held = False
        """Whether records wait for other sidecars."""
        self._partition_of: dict[str, int] = {}
        self._warned = False

    @property
    def now_ms(self) -> float:
        """The time by which others are waited for."""
        return self._clock.now_ms

    def begin_poll(self) -> int:
        """Begin a round; return its time in milliseconds, up to which a poll reads partitions to their end."""
        self._clock.tick()
        return int(time.time() * 1000)

    def polled(self, wall_ms: int) -> None:
        """Note a poll that brought records or found none, by the time at which it began; not one that failed."""
        self._polled_wall_ms = wall_ms

    def take(self, limit: int, max_bytes: int, *, flush: bool) -> list[Item]:
        """Return the next batch; with *flush* all read records are ready, and others are not waited for."""
        now_ms, peers = self.now_ms, self._peers
        if self.state.stored is not None:
            peers.note(self.state.stored.working.marks, now_ms)
        until_ms = None if flush else peers.until_ms(now_ms)
        items = self._merge.take(limit, now_ms, max_bytes=max_bytes, flush=flush, until_ms=until_ms)
        oldest_ms = None if items else self._merge.oldest_ms()
        self.held = until_ms is not None and oldest_ms is not None and oldest_ms > until_ms
        if items:
            if peers and not self._warned:
                self._warn_of_accounts_in_several_partitions(items)
            missing = (self._merge.reached_ms(now_ms), peers.missing_from_ms(now_ms, all_of_them=flush))
            self.state.coverage.reached_ms = min((at for at in missing if at is not None), default=None)
        return items

    def _warn_of_accounts_in_several_partitions(self, items: Sequence[Item]) -> None:
        if len(self._partition_of) > MOST_ACCOUNTS:
            self._partition_of.clear()
        for item in items:
            if isinstance(item.content, Post) and item.content.account_id is not None:
                number = item.origin.partition.partition
                if self._partition_of.setdefault(item.content.account_id, number) != number:
                    self._warned = True
                    log.warning(
                        "posts of one account are in several partitions of %s: other sidecars do not have all of its "
                        "history; produce posts with the account id as key",
                        item.origin.partition.topic,
                    )
                    return

    @property
    def waiting(self) -> bool:
        """Whether records were read that wait for no other sidecar."""
        return len(self._merge) > 0 and not self.held

    def due(self) -> bool:
        """Return whether progress should be exchanged with other sidecars although there is no batch."""
        return self._shared and (self.held or time.monotonic() - self._exchanged_s > EXCHANGE_EVERY_S)

    def write(self, positions: Mapping[Partition, int] | None) -> None:
        """Write what a batch added, with the positions of own partitions, and publish the progress."""
        stored = self.state.stored
        if stored is None:
            return
        own = positions and {p: at for p, at in positions.items() if p in self._assignment.owned}
        marks = self._peers.marks(self._merge, self._polled_wall_ms) if self._shared else {}
        stored.write(own, self.state.coverage, marks)
        if self._shared:
            self.state.coverage.passed_ms = self._peers.passed_ms(marks)

    def read_others(self) -> None:
        """Read the progress of the others."""
        if self.state.stored is not None:
            self.state.stored.working.load({})
            self.state.stored.follow(self.state.coverage)
            self._exchanged_s = time.monotonic()
