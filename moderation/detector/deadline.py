"""Stops a run of the detector after a deadline, because a driver or a device can block a call forever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import onnxruntime

from moderation.errors import DetectorOverdue


@contextmanager
def run_options(deadline_s: float | None, spent_s: float = 0.0) -> Iterator[Any]:
    """Yield options for the runs of one call; after *deadline_s* seconds the runs stop at their next operator.

    *spent_s* of these have passed already. Raises DetectorOverdue then. Without a deadline no timer is started.
    """
    options = onnxruntime.RunOptions()
    options.log_severity_level = 4  # errors are raised, not logged
    if deadline_s is None:
        yield options
        return
    timer = threading.Timer(max(deadline_s - spent_s, 0.0), setattr, (options, "terminate", True))
    timer.daemon = True
    timer.start()
    try:
        yield options
    except Exception as error:  # the errors of onnxruntime share no base class
        if options.terminate:
            raise DetectorOverdue(
                f"scoring took longer than {deadline_s:g} s and was stopped. Raise detector_deadline_s, or give the "
                "detector more threads (detector_threads)."
            ) from error
        raise
    finally:
        timer.cancel()
