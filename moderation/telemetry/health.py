"""Whether a sidecar has started, is ready and is alive, for the probes of an orchestrator."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from moderation.effects import Partition
from moderation.stream.observing import LoopView


@dataclass(frozen=True)
class Bounds:
    """How long something may last before a probe fails, in seconds."""

    loop_s: float
    """Age of the loop."""
    partition_s: float
    """Time without progress of a partition that has lag."""
    database_s: float
    """Time since the database answered."""


class Health:
    """Facts about a sidecar, written by its threads and read by the server of the probes."""

    def __init__(self, bounds: Bounds, clock: Callable[[], float] = time.monotonic) -> None:
        self._bounds, self._clock = bounds, clock
        self._lock = threading.Lock()
        self._warm = False
        self._loop_age: Callable[[], float] | None = None
        self._assigned = False
        self._answered_at: float | None = None
        self._moved: dict[Partition, tuple[int, float]] = {}
        """By partition with lag: its position, and since when it has been there."""

    def models_warm(self) -> None:
        """Note that the models have scored."""
        self._warm = True

    def loop_built(self, loop_age: Callable[[], float]) -> None:
        """Note the function that returns the age of the loop, in seconds."""
        self._loop_age = loop_age

    def loop_ended(self) -> None:
        """Note that the loop has ended: the process ends, and is neither ready nor dead."""
        self._loop_age, self._assigned = None, False

    def database(self, answers: bool) -> None:
        """Note whether the database answers."""
        self._answered_at = self._clock() if answers else None

    def view(self, view: LoopView) -> None:
        """Note assignment and progress."""
        now, lag = self._clock(), view.lag()
        with self._lock:
            self._assigned = bool(view.ends)
            before = self._moved
            self._moved = {}
            for partition in (partition for partition, count in lag.items() if count > 0):
                at = view.positions.get(partition, 0)
                known = before.get(partition)
                self._moved[partition] = known if known is not None and known[0] == at else (at, now)

    def outage(self) -> None:
        """Note that a server does not answer: a partition without progress is not at fault."""
        now = self._clock()
        with self._lock:
            self._moved = {partition: (at, now) for partition, (at, _) in self._moved.items()}

    def why_not_started(self) -> str | None:
        """Return why `/startupz` fails; None where it succeeds."""
        return None if self._warm else "the models are not loaded yet"

    def why_not_ready(self) -> str | None:
        """Return why `/readyz` fails; None where it succeeds."""
        if self._loop_age is None:
            return "the loop does not run"
        if not self._assigned:
            return "no partition is assigned"
        answered_at = self._answered_at
        if answered_at is None or self._clock() - answered_at > self._bounds.database_s:
            return "the review database does not answer"
        return None

    def why_dead(self) -> str | None:
        """Return why `/livez` fails; None where it succeeds.

        A sidecar that has not begun, that waits for partitions or whose database does not answer is not dead: a restart
        would not help it.
        """
        loop_age, bounds = self._loop_age, self._bounds
        if loop_age is None:
            return None
        age_s = loop_age()
        if age_s > bounds.loop_s:
            return f"the loop has made no progress for {age_s:.0f} s"
        now = self._clock()
        with self._lock:
            stuck = sorted(p for p, (_, since) in self._moved.items() if now - since > bounds.partition_s)
        if stuck:
            return f"{stuck[0].topic}/{stuck[0].partition} has records and makes no progress"
        return None
