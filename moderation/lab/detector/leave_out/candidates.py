"""The protocol of compared detectors, and their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from moderation.errors import InputError
from moderation.lab.textdata.rows import TextRow

Scorer = Callable[[Sequence[str]], NDArray[np.float64]]
"""Returns one score per text, higher for machine text."""

REFERENCE = "words"


class Candidate(Protocol):
    """A method that fits a detector."""

    @property
    def description(self) -> str:
        """One line with all settings of the candidate."""

    @property
    def training(self) -> str:
        """The settings that the saved state of `fit` depends on; candidates with equal values share the state."""

    def fit(self, rows: Sequence[TextRow], folder: Path, /) -> Scorer:
        """Return a scorer fitted on *rows*; a long fit saves its state in *folder* and continues from it."""


_TIMES = re.compile(r"([2-9])\*(.+)")


def parts_of(name: str) -> tuple[str, ...]:
    """Return the candidates whose scores *name* averages: itself, or those joined by ``+``.

    A candidate with the weight ``2*`` is returned twice.
    """
    parts: list[str] = []
    for part in name.split("+"):
        times = _TIMES.fullmatch(part)
        parts += [times[2]] * int(times[1]) if times else [part]
    return tuple(parts)


def check_names(names: Sequence[str], known: Mapping[str, Candidate]) -> None:
    """Raise InputError for a name that is neither a candidate nor a mean of different candidates."""
    for name in names:
        different, terms = set(parts_of(name)), name.split("+")
        alone_but_weighed = len(different) == 1 and name not in known
        if not different <= known.keys() or len(different) < len(terms) or alone_but_weighed:
            raise InputError(
                f"There is no candidate {name}: use {', '.join(known)}, or a mean of different ones such as "
                "words+characters or 2*words+characters."
            )
