"""Work of the loop that is due from time to time."""

from __future__ import annotations

import time
from collections.abc import Callable


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


def clock_ms() -> float:
    """Return the milliseconds of a clock that never steps."""
    return time.monotonic() * 1000
