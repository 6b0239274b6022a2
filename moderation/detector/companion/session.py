"""Where the windows run: each alone in one thread, so that no score depends on its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from moderation.detector.companion.statistics import TokenArrays
from moderation.detector.deadline import run_options
from moderation.detector.sessions import cpu_options
from moderation.errors import BundleError

INPUT = "input_ids"
OUTPUTS = ("log_probability", "expected", "variance", "rank")


class ExpectationRunner:
    """Runs each sequence by itself, several at a time.

    ``InferenceSession.run`` is thread-safe and computes in the calling thread here, so one session serves every thread.
    """

    def __init__(self, model: Path, threads: int) -> None:
        options = cpu_options(threads=1)
        try:
            self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors share no base class
            raise BundleError(
                f"onnxruntime {onnxruntime.__version__} cannot run {model} ({str(error).splitlines()[0]}): "
                "upgrade onnxruntime, or export the companion again."
            ) from error
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="companion")

    def expectations(
        self, sequences: Sequence[NDArray[np.int64]], deadline_s: float | None = None, spent_s: float = 0.0
    ) -> list[TokenArrays]:
        """Return what the model expected of each sequence, shape (tokens + 1,), its first token not counted.

        Raises DetectorOverdue after *deadline_s* seconds, of which *spent_s* have passed before.
        """
        # Longest first, so that no thread is left with a long text at the end.
        order = sorted(range(len(sequences)), key=lambda index: -len(sequences[index]))
        with run_options(deadline_s, spent_s) as options:
            runs = self._pool.map(lambda index: self._run(sequences[index], options), order)
            found = dict(zip(order, runs, strict=True))
        return [found[index] for index in range(len(sequences))]

    def _run(self, sequence: NDArray[np.int64], options: Any) -> TokenArrays:
        log_probability, expected, variance, rank = self._session.run(
            list(OUTPUTS), {INPUT: sequence[None, :]}, options
        )
        return TokenArrays(
            log_probability.astype(np.float64), expected.astype(np.float64), variance.astype(np.float64), rank
        )


def joined(parts: Sequence[TokenArrays]) -> TokenArrays:
    """Return the windows of one text as one."""
    return TokenArrays(
        np.concatenate([part.log_probability for part in parts]),
        np.concatenate([part.expected for part in parts]),
        np.concatenate([part.variance for part in parts]),
        np.concatenate([part.rank for part in parts]),
    )
