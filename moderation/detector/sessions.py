"""Where the sections run: each alone on a pool of single threads, or batched by length."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from moderation.errors import BundleError

# The least padding: texts of one length fill a batch, a longer one runs almost alone (design §9).
_CPU_TOKENS_IN_A_BATCH = 512
# On the CPU onnxruntime's fused SkipLayerNormalization is several times slower than Add and LayerNormalization are
# apart: 9 % of a RoBERTa's time (onnxruntime 1.31).
_SLOWER_FUSED = ["SkipLayerNormFusion"]
_CUDA_TOKENS_IN_A_BATCH = 16384
_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"


class Runner(Protocol):
    """Gives a raw fp32 logit for each sequence of token ids, in order.

    *where* says in words what computes, *provider* is onnxruntime's name for it.
    """

    where: str
    provider: str

    def logits(self, sequences: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        """Return shape (sequences,) for sequences of shape (tokens,)."""


class AloneRunner:
    """Runs each sequence by itself, one thread per core.

    For precisions whose activations share one scale per batch: so a score cannot depend on its neighbours, and
    nothing is padded. ``InferenceSession.run`` is thread-safe and computes in the calling thread here, so one
    session serves every thread.
    """

    provider = _CPU

    def __init__(self, model: Path, threads: int) -> None:
        self._session = _cpu_session(model, threads=1)
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="detector")
        self.where = f"the CPU, each section alone on {_threads(threads)}"

    def logits(self, sequences: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        # Longest first, so that no thread is left with a long text at the end.
        order = sorted(range(len(sequences)), key=lambda index: -len(sequences[index]))
        scores = np.empty(len(sequences), dtype=np.float32)
        for index, score in zip(order, self._pool.map(self._run, [sequences[i] for i in order]), strict=True):
            scores[index] = score
        return scores

    def _run(self, sequence: NDArray[np.int64]) -> float:
        ids = sequence[None, :]
        (logits,) = self._session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        return float(logits[0])


class BatchRunner:
    """Runs sequences of similar length together under a budget of padded tokens."""

    def __init__(self, session: Any, pad: int, tokens_in_a_batch: int, where: str, provider: str) -> None:
        self._session = session
        self._pad = pad
        self._budget = tokens_in_a_batch
        self.where = where
        self.provider = provider

    def logits(self, sequences: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        scores = np.empty(len(sequences), dtype=np.float32)
        for members in batches_by_length([len(sequence) for sequence in sequences], self._budget):
            longest = max(len(sequences[member]) for member in members)
            ids = np.full((len(members), longest), self._pad, dtype=np.int64)
            mask = np.zeros_like(ids)
            for row, member in enumerate(members):
                ids[row, : len(sequences[member])] = sequences[member]
                mask[row, : len(sequences[member])] = 1
            (logits,) = self._session.run(["logits"], {"input_ids": ids, "attention_mask": mask})
            scores[members] = logits
        return scores


def batches_by_length(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield the indices of *lengths* in batches, shortest first, of at most *budget* tokens with padding."""
    members: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if members and (len(members) + 1) * lengths[index] > budget:
            yield members
            members = []
        members.append(index)
    if members:
        yield members


def cpu_runner(model: Path, pad: int, threads: int | None, *, batch_independent: bool) -> Runner:
    """Return the runner that is fastest on the CPU among those that keep a score independent of its neighbours."""
    count = threads or _cores()
    if not batch_independent:
        return AloneRunner(model, count)
    session = _cpu_session(model, count)
    return BatchRunner(session, pad, _CPU_TOKENS_IN_A_BATCH, f"the CPU, batched by length on {_threads(count)}", _CPU)


def cuda_runner(model: Path, pad: int) -> Runner | None:
    """Return a runner on the first CUDA device, or None when there is none that onnxruntime can use."""
    if _CUDA not in onnxruntime.get_available_providers() or not Path("/dev/nvidiactl").exists():
        return None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=[_CUDA])
    except (
        Exception
    ):  # onnxruntime's errors share no base class; the CPU is the documented fallback, and describe() says so
        return None
    if _CUDA not in session.get_providers():
        return None
    return BatchRunner(session, pad, _CUDA_TOKENS_IN_A_BATCH, "CUDA, batched by length", _CUDA)


def _cpu_session(model: Path, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=[_CPU], disabled_optimizers=_SLOWER_FUSED)
    except Exception as error:
        raise BundleError(
            f"onnxruntime {onnxruntime.__version__} cannot run {model} ({str(error).splitlines()[0]}): "
            "upgrade onnxruntime, or export the bundle again."
        ) from error


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
