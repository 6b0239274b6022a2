"""Runs sections with onnxruntime: each separately on a pool of threads, or batched by length."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from moderation.detector.batching import BatchRunner, bound_runs, plain_runs
from moderation.detector.deadline import run_options
from moderation.detector.exact_products import require_exact_sums
from moderation.errors import BundleError

# Little padding: texts of one length fill a batch, a long text runs almost alone.
_CPU_TOKENS_IN_A_BATCH = 512
# On the CPU the fused SkipLayerNormalization of onnxruntime is several times slower than separate Add and
# LayerNormalization: 9 % of the time of a RoBERTa (onnxruntime 1.31).
_SLOWER_FUSED = ["SkipLayerNormFusion"]
_CUDA_TOKENS_IN_A_BATCH = 16384
# With few shapes a device selects its kernels once; a text of 35 tokens is padded by 8 on average.
_CUDA_LENGTH_STEP = 16
_WARM_UP_TOKENS = (16, 32, 48, 64, 96, 128)
_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_NVIDIA_DRIVER = Path("/dev/nvidiactl")


class Runner(Protocol):
    """Computes a raw fp32 logit for each sequence of token ids, in order.

    *where* describes the device, *provider* is the name of the onnxruntime provider.
    """

    where: str
    provider: str

    def logits(self, sequences: Sequence[NDArray[np.int64]], spent_s: float = 0.0) -> NDArray[np.float32]:
        """Return the logits, shape (sequences,), of sequences of shape (tokens,).

        *spent_s* seconds of the deadline have passed already.
        """


Inputs = dict[str, NDArray[Any]]


def _ids_and_mask(sequence: NDArray[np.int64]) -> Inputs:
    ids = sequence[None, :]
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


class UnbatchedRunner:
    """Runs each sequence separately, one thread per core.

    For precisions whose activations share one scale per batch: a score does not depend on its neighbours, and there is
    no padding. ``InferenceSession.run`` is thread-safe and computes in the calling thread here, so that all threads
    share one session. *inputs* returns the inputs of the graph for a sequence.
    """

    provider = _CPU

    def __init__(
        self,
        model: Path,
        threads: int,
        deadline_s: float | None = None,
        inputs: Callable[[NDArray[np.int64]], Inputs] = _ids_and_mask,
    ) -> None:
        self._inputs = inputs
        self._session = _cpu_session(model, threads=1)
        self._deadline_s = deadline_s
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="detector")
        self.where = f"the CPU, each section alone on {_threads(threads)}"

    def logits(self, sequences: Sequence[NDArray[np.int64]], spent_s: float = 0.0) -> NDArray[np.float32]:
        # Longest first, so that no thread begins a long text at the end.
        order = sorted(range(len(sequences)), key=lambda index: -len(sequences[index]))
        scores = np.empty(len(sequences), dtype=np.float32)
        with run_options(self._deadline_s, spent_s) as options:
            found = self._pool.map(lambda index: self._run(sequences[index], options), order)
            for index, score in zip(order, found, strict=True):
                scores[index] = score
        return scores

    def _run(self, sequence: NDArray[np.int64], options: Any) -> float:
        (logits,) = self._session.run(["logits"], self._inputs(sequence), options)
        return float(logits[0])


def cpu_runner(
    model: Path, pad: int, threads: int | None, *, batch_independent: bool, deadline_s: float | None = None
) -> Runner:
    """Return the fastest runner on the CPU that keeps a score independent of its neighbours."""
    count = threads or cores()
    if not batch_independent:
        return UnbatchedRunner(model, count, deadline_s)
    runs = plain_runs(_cpu_session(model, count))
    where = f"the CPU, batched by length on {_threads(count)}"
    return BatchRunner(runs, pad, _CPU_TOKENS_IN_A_BATCH, where, _CPU, deadline_s=deadline_s)


def cuda_runner(model: Path, pad: int, longest: int, deadline_s: float | None = None) -> Runner | None:
    """Return a warm runner on the first CUDA device for sequences of at most *longest* tokens.

    None when there is no device that onnxruntime can use.
    """
    if _CUDA not in onnxruntime.get_available_providers() or not _NVIDIA_DRIVER.exists():
        return None
    # The CUDA libraries of PyPI packages must be preloaded; onnxruntime prints missing ones to standard output, which
    # may be the output for scores.
    with redirect_stdout(io.StringIO()):
        onnxruntime.preload_dlls()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        # The fallback of onnxruntime to the CPU also prints to standard output.
        session = onnxruntime.InferenceSession(str(model), options, providers=[_CUDA], enable_fallback=0)
        if _CUDA not in session.get_providers():
            return None
        runner = BatchRunner(
            bound_runs(session, "cuda"),
            pad,
            _CUDA_TOKENS_IN_A_BATCH,
            "CUDA, batched by length",
            _CUDA,
            length_step=_CUDA_LENGTH_STEP,
            longest=longest,
            deadline_s=deadline_s,
        )
        # A device without free memory, or without a library, raises only when it computes.
        runner.warm_up([*(tokens for tokens in _WARM_UP_TOKENS if tokens < longest), longest])
    except (
        Exception
    ):  # the errors of onnxruntime share no base class; the CPU is the documented fallback, which describe() reports
        return None
    return runner


def cpu_options(threads: int) -> Any:
    """Return the options of a CPU session with the same results on every x86-64 processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    require_exact_sums(options)
    return options


def _cpu_session(model: Path, threads: int) -> Any:
    options = cpu_options(threads)
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=[_CPU], disabled_optimizers=_SLOWER_FUSED)
    except Exception as error:
        raise BundleError(
            f"onnxruntime {onnxruntime.__version__} cannot run {model} ({str(error).splitlines()[0]}): "
            "upgrade onnxruntime, or export the bundle again."
        ) from error


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
