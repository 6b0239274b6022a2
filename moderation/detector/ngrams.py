"""Runs the n-gram graph of a bundle, without a tokenizer and on the CPU."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.detector.manifest import NgramUnit
from moderation.detector.sections import code_points
from moderation.detector.sessions import UnbatchedRunner, cores

# The words of scikit-learn, limited to 40 characters: a longer run is a line of a language without blanks, and would
# widen the array of the vocabulary.
WORD = r"\b\w{2,40}\b"
_WORDS = re.compile(WORD)


def words(text: str) -> NDArray[np.object_]:
    """Return the lower-case words of normalised text, strings of shape (words,)."""
    return np.array(_WORDS.findall(text.lower()), dtype=np.object_)


UNITS_OF: dict[NgramUnit, Callable[[str], NDArray[Any]]] = {"characters": code_points, "words": words}
"""Functions by unit that compute the input of the graph from normalised text; the input has the name of the unit."""


class NgramRunner(UnbatchedRunner):
    """Runs a graph of n-grams on the result of `units_of`, each text separately.

    The cost of one text is a pass over the vocabulary, so that a batch would save nothing. Raises BundleError for a
    graph that onnxruntime cannot run.
    """

    def __init__(self, model: Path, unit: NgramUnit, threads: int | None, deadline_s: float | None = None) -> None:
        super().__init__(model, threads or cores(), deadline_s, lambda units: {unit: units[None, :]})
        self.unit = unit
        self.units_of = UNITS_OF[unit]
