"""How far an exported precision is from the checkpoint in PyTorch, token by token and text by text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from export.causal.checkpoint import CausalCheckpoint
from export.causal.graph import TokenExpectations
from moderation.detector.companion.manifest import CompanionParity
from moderation.detector.companion.session import ExpectationRunner
from moderation.detector.companion.statistics import TokenArrays, features_of

TEXTS_FILE = Path(__file__).with_name("texts.json")
_FEWEST_TEXTS_TO_CORRELATE = 10


def parity_texts() -> tuple[str, ...]:
    """Return sixty short texts that were written for this comparison."""
    return tuple(json.loads(TEXTS_FILE.read_text(encoding="utf-8")))


def torch_expectations(checkpoint: CausalCheckpoint, sequences: Sequence[NDArray[np.int64]]) -> list[TokenArrays]:
    """Return what PyTorch expects of each sequence, each computed alone."""
    module = TokenExpectations(checkpoint.network)
    found = []
    for sequence in sequences:
        with torch.inference_mode():
            outputs = [output.numpy() for output in module(torch.from_numpy(sequence)[None, :])]
        log_probability, expected, variance, rank = outputs
        found.append(
            TokenArrays(
                log_probability.astype(np.float64), expected.astype(np.float64), variance.astype(np.float64), rank
            )
        )
    return found


def companion_parity(
    reference: Sequence[TokenArrays], runner: ExpectationRunner, sequences: Sequence[NDArray[np.int64]]
) -> CompanionParity:
    """Compare a runner with *reference* on the same sequences."""
    found = runner.expectations(sequences)
    differences = np.concatenate(
        [np.abs(ours.log_probability - theirs.log_probability) for ours, theirs in zip(found, reference, strict=True)]
    )
    ours = [features_of(tokens) for tokens in found]
    theirs = [features_of(tokens) for tokens in reference]
    curvatures = np.array([[a.curvature, b.curvature] for a, b in zip(ours, theirs, strict=True)])
    shares = np.array([abs(a.top100_share - b.top100_share) for a, b in zip(ours, theirs, strict=True)])
    varied = len(curvatures) >= _FEWEST_TEXTS_TO_CORRELATE and (curvatures.std(axis=0) > 0).all()
    return CompanionParity(
        texts=len(found),
        tokens=len(differences),
        largest_log_probability_difference=float(differences.max()),
        mean_log_probability_difference=float(differences.mean()),
        largest_curvature_difference=float(np.abs(curvatures[:, 0] - curvatures[:, 1]).max()),
        curvature_correlation=float(np.corrcoef(curvatures.T)[0, 1]) if varied else None,
        mean_top100_share_difference=float(shares.mean()),
    )
