"""A run that hangs is ended: a driver or a device can keep a call for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import onnxruntime

from moderation.errors import DetectorOverdue


@contextmanager
def run_options(deadline_s: float | None, spent_s: float = 0.0) -> Iterator[Any]:
    """Give options for the runs of one batch; after *deadline_s* seconds they end at their next operator.

    *spent_s* of these have passed before. Raises DetectorOverdue in their place. Without a deadline nothing is watched.
    """
    options = onnxruntime.RunOptions()
    options.log_severity_level = 4  # what goes wrong is raised
    if deadline_s is None:
        yield options
        return
    timer = threading.Timer(max(deadline_s - spent_s, 0.0), setattr, (options, "terminate", True))
    timer.daemon = True
    timer.start()
    try:
        yield options
    except Exception as error:  # onnxruntime's errors share no base class
        if options.terminate:
            raise DetectorOverdue(
                f"Scoring one batch took longer than {deadline_s:g} s and was ended; nothing of it was written, a "
                "restart takes it up again. Take fewer records at once (batch.max_records), give the detector more "
                "threads, or raise detector_deadline_s."
            ) from error
        raise
    finally:
        timer.cancel()
