"""Batches texts of similar length, under a budget of padded tokens that is reduced when memory is short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from moderation.detector.deadline import run_options

Array = NDArray[np.int64]
# Error messages of the allocators of onnxruntime: the arena on the CPU and on CUDA, CUDA itself, and cuBLAS.
_OUT_OF_MEMORY = ("failed to allocate memory", "out of memory", "bad allocation", "bad_alloc", "alloc_failed")


class Session(Protocol):
    """One run of a network."""

    def __call__(self, ids: Array, mask: Array, options: Any, /) -> NDArray[np.float32]:
        """Return the logits, shape (texts,), for ids and mask of shape (texts, tokens)."""


class BatchRunner:
    """Runs sequences of similar length together under a budget of padded tokens.

    Lengths are padded to a multiple of *length_step*, at most *longest*, so that the device sees few shapes. When
    memory does not suffice, the batch is halved until it does, and the budget stays halved. A batch that takes longer
    than *deadline_s* raises DetectorOverdue; a single text without enough memory raises the error of onnxruntime.
    """

    def __init__(
        self,
        session: Session,
        pad: int,
        tokens_in_a_batch: int,
        where: str,
        provider: str,
        *,
        length_step: int = 1,
        longest: int | None = None,
        deadline_s: float | None = None,
    ) -> None:
        self._session = session
        self._pad = pad
        self._length_step = length_step
        self._longest = longest
        self._deadline_s = deadline_s
        self.tokens_in_a_batch = tokens_in_a_batch
        self.where = where
        self.provider = provider

    def logits(self, sequences: Sequence[Array], spent_s: float = 0.0) -> NDArray[np.float32]:
        """Return the logits, shape (sequences,), of sequences of shape (tokens,).

        *spent_s* seconds of the deadline have passed already.
        """
        scores = np.empty(len(sequences), dtype=np.float32)
        lengths = [self._padded(len(sequence)) for sequence in sequences]
        with run_options(self._deadline_s, spent_s) as options:
            waiting = list(batches_by_length(lengths, self.tokens_in_a_batch))
            while waiting:
                members = waiting.pop()
                try:
                    scores[members] = self._run([sequences[member] for member in members], options)
                except Exception as error:  # as in run_options
                    if len(members) == 1 or not _out_of_memory(error):
                        raise
                    half = len(members) // 2
                    waiting += [members[:half], members[half:]]
                    self.tokens_in_a_batch = max(1, half * max(lengths[member] for member in members))
        return scores

    def warm_up(self, lengths: Sequence[int]) -> None:
        """Run a full batch of each of *lengths* tokens, so that memory is reserved and kernels are selected."""
        for length in lengths:
            self.logits([np.full(length, self._pad, dtype=np.int64)] * max(1, self.tokens_in_a_batch // length))

    def _run(self, sequences: Sequence[Array], options: Any) -> NDArray[np.float32]:
        ids = np.full((len(sequences), self._padded(max(map(len, sequences)))), self._pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        return self._session(ids, mask, options)

    def _padded(self, length: int) -> int:
        stepped = -(-length // self._length_step) * self._length_step
        return stepped if self._longest is None else max(length, min(stepped, self._longest))


def plain_runs(session: onnxruntime.InferenceSession) -> Session:
    """Return *session* as a function of numpy arrays."""

    def run(ids: Array, mask: Array, options: Any) -> NDArray[np.float32]:
        (logits,) = session.run(["logits"], {"input_ids": ids, "attention_mask": mask}, options)
        return np.asarray(logits, dtype=np.float32)

    return run


def bound_runs(session: onnxruntime.InferenceSession, device: str) -> Session:
    """Return *session* as a function that copies its input to *device* ("cuda" or "cpu") and its output back once."""

    def run(ids: Array, mask: Array, options: Any) -> NDArray[np.float32]:
        binding = session.io_binding()
        for name, value in (("input_ids", ids), ("attention_mask", mask)):
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value, device, 0))
        binding.bind_output("logits", device, 0)
        session.run_with_iobinding(binding, options)
        return np.asarray(binding.copy_outputs_to_cpu()[0], dtype=np.float32)

    return run


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


def _out_of_memory(error: Exception) -> bool:
    message = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in message for sign in _OUT_OF_MEMORY)
