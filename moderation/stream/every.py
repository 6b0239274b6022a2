"""Work of the loop that is due from time to time."""

from __future__ import annotations

import time
from collections.abc import Callable

MOST_OF_A_ROUND_MS = 1000.0


class Every:
    """Runs work at most once in a number of seconds."""

    def __init__(self, every_s: float, *, last: float | None = None) -> None:
        self._every_s = every_s
        self._last = time.monotonic() if last is None else last

    def run(self, work: Callable[[], object]) -> None:
        """Run the work if it is due."""
        if time.monotonic() - self._last > self._every_s:
            work()
            self._last = time.monotonic()


class RoundClock:
    """Milliseconds of a loop, of which each round counts `MOST_OF_A_ROUND_MS` at most.

    A longer round, as during an outage or while the process was stopped, is no sign that others make no progress: the
    loop could not see it.
    """

    def __init__(self) -> None:
        self.now_ms = 0.0
        self._last_s = time.monotonic()

    def tick(self) -> None:
        """Begin a round."""
        last_s, self._last_s = self._last_s, time.monotonic()
        self.now_ms += min(1000 * (self._last_s - last_s), MOST_OF_A_ROUND_MS)
