"""What the n-grams of a bundle are of, and the session that counts and weighs them: no tokenizer and no GPU."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.detector.manifest import NgramUnit
from moderation.detector.sections import code_points
from moderation.detector.sessions import AloneRunner, cores

# scikit-learn's words, of 40 characters at most: a longer run is a line of a language that sets no blanks, and one such
# would widen the array that a vocabulary is.
WORD = r"\b\w{2,40}\b"
_WORDS = re.compile(WORD)


def words(text: str) -> NDArray[np.object_]:
    """Return the words of normalised text in small letters, strings of shape (words,)."""
    return np.array(_WORDS.findall(text.lower()), dtype=np.object_)


UNITS_OF: dict[NgramUnit, Callable[[str], NDArray[Any]]] = {"characters": code_points, "words": words}
"""What a graph of n-grams of each unit is given for a piece of normalised text, in an input of the unit's name."""


class NgramRunner(AloneRunner):
    """Runs a graph of n-grams on what `units_of` makes of pieces of normalised text, each alone.

    The cost of one is that of a pass over the vocabulary, so a batch would spare nothing. Raises BundleError for a
    graph that onnxruntime cannot run.
    """

    def __init__(self, model: Path, unit: NgramUnit, threads: int | None, deadline_s: float | None = None) -> None:
        super().__init__(model, threads or cores(), deadline_s, lambda units: {unit: units[None, :]})
        self.unit = unit
        self.units_of = UNITS_OF[unit]
