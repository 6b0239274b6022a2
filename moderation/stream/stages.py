"""How long each stage of a batch takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

Stage = Literal["decode", "order", "state", "features", "tokenize", "inference", "risk", "commit"]


class StageTimes:
    """Adds up the seconds of each stage until the batch is done; for one thread."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def add(self, stage: Stage, seconds: float) -> None:
        """Add to the seconds of a stage."""
        self._seconds[stage] = self._seconds.get(stage, 0.0) + seconds

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Add the time of the body to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - began)

    def take(self) -> dict[str, float]:
        """Return the seconds of each stage and begin again."""
        taken, self._seconds = self._seconds, {}
        return taken
