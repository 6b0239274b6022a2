"""The detectors that can be compared, by name, behind one small protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from moderation.errors import InputError
from moderation.training.detector.rows import TextRow

Scorer = Callable[[Sequence[str]], NDArray[np.float64]]
"""One score per text, higher for machine-written; it is given nothing but texts."""

REFERENCE = "words"


class Candidate(Protocol):
    """A way to make a detector."""

    @property
    def description(self) -> str:
        """Everything that decides what the candidate computes, in a line."""

    def fit(self, rows: Sequence[TextRow], folder: Path, /) -> Scorer:
        """Return a scorer fitted on *rows*; a long fit keeps its state in *folder* and continues there."""


def parts_of(name: str) -> tuple[str, ...]:
    """Return the candidates whose scores make up *name*: itself, or those joined by ``+``."""
    return tuple(name.split("+"))


def check_names(names: Sequence[str], known: Mapping[str, Candidate]) -> None:
    """Raise InputError for a name that is no candidate and no mean of different candidates."""
    for name in names:
        parts = parts_of(name)
        unknown = [part for part in parts if part not in known]
        if unknown or len(set(parts)) < len(parts):
            raise InputError(
                f"There is no candidate {name}: use {', '.join(known)}, or a mean of different ones such as "
                "words-balanced+shapes."
            )
