"""How far an exported precision is from the checkpoint in PyTorch, and from its own side of the probes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from export.checkpoint import Checkpoint, torch_logits
from moderation.detector.manifest import Parity
from moderation.detector.sessions import Runner

_SEQUENCES = 64
_MEDIAN_TOKENS = 35


def random_sequences(checkpoint: Checkpoint, count: int = _SEQUENCES) -> list[NDArray[np.int64]]:
    """Return token ids at random, lengths log-normal (median 35, σ 1), for a parity that needs no texts."""
    rng = np.random.default_rng(0)
    lengths = np.clip(np.exp(rng.normal(np.log(_MEDIAN_TOKENS), 1, count)).round(), 1, checkpoint.max_tokens)
    words = checkpoint.tokenizer.get_vocab_size()
    kept = [number for number in range(min(words, 5000)) if number != checkpoint.pad]
    return [between_specials(checkpoint, rng.choice(kept, int(length))) for length in lengths]


def between_specials(checkpoint: Checkpoint, ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the ids of one section with the special tokens around them."""
    return np.concatenate([[checkpoint.first], np.asarray(ids, dtype=np.int64), [checkpoint.last]])


def torch_scores(checkpoint: Checkpoint, sequences: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
    """Return PyTorch's logit for each sequence, each computed alone."""
    scores = []
    for sequence in sequences:
        ids = torch.from_numpy(sequence)[None, :]
        scores.append(float(torch_logits(checkpoint.network, ids, torch.ones_like(ids))[0]))
    return np.array(scores, dtype=np.float32)


def parity(reference: NDArray[np.float32], runner: Runner, sequences: Sequence[NDArray[np.int64]]) -> Parity:
    """Compare a runner with PyTorch's logits on the same sequences."""
    difference = np.abs(runner.logits(sequences) - reference)
    return Parity(
        texts=len(sequences),
        largest_logit_difference=float(difference.max()),
        mean_logit_difference=float(difference.mean()),
    )
