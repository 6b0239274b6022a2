"""The command `moderation` with a wall clock that another process can step.

Usage: python -m tests.chaos.stepped_clock FILE COMMAND…

FILE has the seconds by which the wall clock differs. libfaketime is not used: with Python it steps the monotonic clock
too, which no fault of a clock does, and without that `time.sleep` fails.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from moderation.cli import main

_time = time.time


def step_clock(offset: Path) -> None:
    """Let the clock with which events are compared differ by what the file says."""
    time.time = lambda: _time() + float(offset.read_text(encoding="ascii"))


if __name__ == "__main__":
    step_clock(Path(sys.argv[1]))
    del sys.argv[1]
    sys.exit(main())
