"""Whether a sidecar has started, is ready and is alive, for the probes of an orchestrator."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from moderation.stream.observing import LoopView
from moderation.telemetry.progress import Progress


@dataclass(frozen=True)
class Bounds:
    """How long something may last before a probe fails, in seconds."""

    loop_s: float
    """Age of the loop."""
    waiting_s: float
    """Time in which records that were read wait and none is judged."""
    database_s: float
    """Time since the database answered."""


class Health:
    """Facts about a sidecar, written by its threads and read by the server of the probes."""

    def __init__(self, bounds: Bounds, clock: Callable[[], float] = time.monotonic) -> None:
        self._bounds, self._clock = bounds, clock
        self._warm = False
        self._loop_age: Callable[[], float] | None = None
        self._assigned = False
        self._answered_at: float | None = None
        self._progress = Progress(clock)

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
        """Note whether the database answers. A failure counts only after `database_s` without an answer."""
        if answers:
            self._answered_at = self._clock()

    def view(self, view: LoopView) -> None:
        """Note assignment and progress."""
        self._assigned = bool(view.ends)
        self._progress.view(view)

    def outage(self) -> None:
        """Note that a server does not answer: the loop is not at fault."""
        self._progress.excuse()

    def unassigned(self) -> None:
        """Note that the loop waits for partitions."""
        self._assigned = False
        self._progress.ended()

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

        A sidecar that has not begun, that waits for partitions, whose servers do not answer or whose partitions return
        nothing is not dead: a restart would not help it.
        """
        loop_age, bounds = self._loop_age, self._bounds
        if loop_age is None:
            return None
        age_s = loop_age()
        if age_s > bounds.loop_s:
            return f"the loop has made no progress for {age_s:.0f} s"
        waiting_s = self._progress.waiting_s()
        if waiting_s > bounds.waiting_s:
            return f"records were read and none has been judged for {waiting_s:.0f} s"
        return None
