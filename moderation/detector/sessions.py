"""Where the sections run: each alone on a pool of single threads, or batched by length."""

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
from moderation.detector.exact_products import ask_for_exact_sums
from moderation.errors import BundleError

# The least padding: texts of one length fill a batch, a longer one runs almost alone (design §9).
_CPU_TOKENS_IN_A_BATCH = 512
# On the CPU onnxruntime's fused SkipLayerNormalization is several times slower than Add and LayerNormalization are
# apart: 9 % of a RoBERTa's time (onnxruntime 1.31).
_SLOWER_FUSED = ["SkipLayerNormFusion"]
_CUDA_TOKENS_IN_A_BATCH = 16384
# A device that meets few shapes chooses its kernels once; a text of 35 tokens is padded by 8 on average.
_CUDA_LENGTH_STEP = 16
_WARM_UP_TOKENS = (16, 32, 48, 64, 96, 128)
_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_NVIDIA_DRIVER = Path("/dev/nvidiactl")


class Runner(Protocol):
    """Gives a raw fp32 logit for each sequence of token ids, in order.

    *where* says in words what computes, *provider* is onnxruntime's name for it.
    """

    where: str
    provider: str

    def logits(self, sequences: Sequence[NDArray[np.int64]], spent_s: float = 0.0) -> NDArray[np.float32]:
        """Return shape (sequences,) for sequences of shape (tokens,); *spent_s* of the deadline have passed before."""


Inputs = dict[str, NDArray[Any]]


def _ids_and_mask(sequence: NDArray[np.int64]) -> Inputs:
    ids = sequence[None, :]
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


class AloneRunner:
    """Runs each sequence by itself, one thread per core.

    For precisions whose activations share one scale per batch: so a score cannot depend on its neighbours, and
    nothing is padded. ``InferenceSession.run`` is thread-safe and computes in the calling thread here, so one
    session serves every thread. *inputs* says what the graph is given for a sequence.
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
        # Longest first, so that no thread is left with a long text at the end.
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
    """Return the runner that is fastest on the CPU among those that keep a score independent of its neighbours."""
    count = threads or cores()
    if not batch_independent:
        return AloneRunner(model, count, deadline_s)
    runs = plain_runs(_cpu_session(model, count))
    where = f"the CPU, batched by length on {_threads(count)}"
    return BatchRunner(runs, pad, _CPU_TOKENS_IN_A_BATCH, where, _CPU, deadline_s=deadline_s)


def cuda_runner(model: Path, pad: int, longest: int, deadline_s: float | None = None) -> Runner | None:
    """Return a warm runner on the first CUDA device for sequences of at most *longest* tokens.

    None when there is no device that onnxruntime can use.
    """
    if _CUDA not in onnxruntime.get_available_providers() or not _NVIDIA_DRIVER.exists():
        return None
    # No loader finds the CUDA libraries of packages from PyPI: onnxruntime fetches them when asked, and prints on
    # standard output, where scores may go, which it did not find.
    with redirect_stdout(io.StringIO()):
        onnxruntime.preload_dlls()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        # onnxruntime's own fallback to the CPU would announce itself on standard output too.
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
        # A device without memory left, or one that lacks a library, raises only when it computes.
        runner.warm_up([*(tokens for tokens in _WARM_UP_TOKENS if tokens < longest), longest])
    except (
        Exception
    ):  # onnxruntime's errors share no base class; the CPU is the documented fallback, and describe() says so
        return None
    return runner


def cpu_options(threads: int) -> Any:
    """Return the options of a session that computes on the CPU, the same numbers on every x86-64 processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    ask_for_exact_sums(options)
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
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
