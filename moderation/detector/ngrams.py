"""The session that runs the character n-grams of a bundle: code points in, a logit out, no tokenizer and no GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moderation.detector.sessions import AloneRunner, Inputs, Runner, cores


def ngram_runner(model: Path, threads: int | None, deadline_s: float | None = None) -> Runner:
    """Return the runner of an n-gram graph, for sequences of code points of normalised text. Raises BundleError.

    Each sequence runs alone: its cost is that of one pass over the vocabulary, so a batch would spare nothing.
    """
    return AloneRunner(model, threads or cores(), deadline_s, _characters)


def _characters(sequence: NDArray[np.int64]) -> Inputs:
    return {"characters": sequence[None, :]}
