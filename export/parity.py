"""Compares an exported precision with the checkpoint in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from export.balanced_auroc import balanced_auroc
from export.checkpoint import Checkpoint, torch_logits
from export.labelled_texts import LabelledText
from moderation.detector.manifest import Parity, Precision
from moderation.detector.pooling import DEFAULT_RULE, pooled
from moderation.detector.sections import CutText
from moderation.detector.sessions import Runner
from moderation.errors import InputError

FP32_TOLERANCE = 1e-3
AUROC_TOLERANCE = 0.002
_SEQUENCES = 64
_MEDIAN_TOKENS = 35


def random_sequences(checkpoint: Checkpoint, count: int = _SEQUENCES) -> list[NDArray[np.int64]]:
    """Return sequences of random token ids, lengths log-normal (median 35, σ 1), for parity without texts."""
    rng = np.random.default_rng(0)
    lengths = np.clip(np.exp(rng.normal(np.log(_MEDIAN_TOKENS), 1, count)).round(), 1, checkpoint.max_tokens)
    words = checkpoint.tokenizer.get_vocab_size()
    kept = [number for number in range(min(words, 5000)) if number != checkpoint.pad]
    return [between_specials(checkpoint, rng.choice(kept, int(length))) for length in lengths]


def between_specials(checkpoint: Checkpoint, ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the ids of one section with the special tokens around them."""
    return np.concatenate([[checkpoint.first], np.asarray(ids, dtype=np.int64), [checkpoint.last]])


def torch_scores(checkpoint: Checkpoint, sequences: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
    """Return the logit of PyTorch for each sequence, computed separately; shape (sequences,)."""
    scores = []
    for sequence in sequences:
        ids = torch.from_numpy(sequence)[None, :]
        scores.append(float(torch_logits(checkpoint.network, ids, torch.ones_like(ids))[0]))
    return np.array(scores, dtype=np.float32)


def parity(reference: NDArray[np.float32], runner: Runner, sequences: Sequence[NDArray[np.int64]]) -> Parity:
    """Return the differences between a runner and *reference*, the logits of PyTorch, shape (sequences,)."""
    difference = np.abs(runner.logits(sequences) - reference)
    return Parity(
        texts=len(sequences),
        largest_logit_difference=float(difference.max()),
        mean_logit_difference=float(difference.mean()),
    )


def refuse_other_graph(found: Parity) -> None:
    """Raise InputError where the logits of the fp32 graph differ from those of PyTorch."""
    # `not <=` also refuses NaN.
    if not found.largest_logit_difference <= FP32_TOLERANCE:
        raise InputError(
            f"A logit of the fp32 graph differs by {found.largest_logit_difference:.2g} from PyTorch, more than "
            f"{FP32_TOLERANCE:g}: upgrade torch, onnxscript and onnxruntime, or report the architecture."
        )


def refuse_auroc_loss(precision: Precision, found: Parity) -> None:
    """Raise InputError where the AUROC of *precision* differs from that of fp32 by more than 0.002."""
    if found.auroc is None or found.auroc_of_fp32 is None:
        return
    if abs(found.auroc - found.auroc_of_fp32) > AUROC_TOLERANCE:
        raise InputError(
            f"On the given texts the AUROC is {found.auroc:.4f} at {precision} and {found.auroc_of_fp32:.4f} at fp32, "
            f"a difference of more than {AUROC_TOLERANCE:g}: export another precision, or give --accept-auroc-loss."
        )


def auroc_of(runner: Runner, cuts: Sequence[CutText], texts: Sequence[LabelledText]) -> float | None:
    """Return the AUROC of a runner on *texts*, with equal weights of sources; *cuts* are their sections.

    Sections are pooled by the token-weighted mean; texts without a section are excluded.
    """
    kept = [(cut, entry) for cut, entry in zip(cuts, texts, strict=True) if cut.sections]
    if not kept:
        return None
    ids = [section.ids for cut, _ in kept for section in cut.sections]
    ends = np.cumsum([len(cut.sections) for cut, _ in kept])[:-1]
    lengths = np.split(np.array([len(sequence) for sequence in ids], dtype=np.float64), ends)
    parts = zip(np.split(runner.logits(ids), ends), lengths, strict=True)
    return balanced_auroc(
        np.array([pooled(DEFAULT_RULE, logits, tokens) for logits, tokens in parts]), [entry for _, entry in kept]
    )
