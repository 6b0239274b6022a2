"""The detectors that can be compared, by name, behind one small protocol."""

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
"""One score per text, higher for machine-written; it is given nothing but texts."""

REFERENCE = "words"


class Candidate(Protocol):
    """A way to make a detector."""

    @property
    def description(self) -> str:
        """Everything that decides what the candidate computes, in a line."""

    @property
    def training(self) -> str:
        """What of it decides the state that `fit` keeps: candidates that share it continue from the same state."""

    def fit(self, rows: Sequence[TextRow], folder: Path, /) -> Scorer:
        """Return a scorer fitted on *rows*; a long fit keeps its state in *folder* and continues there."""


_TIMES = re.compile(r"([2-9])\*(.+)")


def parts_of(name: str) -> tuple[str, ...]:
    """Return the candidates whose scores make up *name*: itself, or those joined by ``+``.

    One that counts ``2*`` as much as the others is there twice.
    """
    parts: list[str] = []
    for part in name.split("+"):
        times = _TIMES.fullmatch(part)
        parts += [times[2]] * int(times[1]) if times else [part]
    return tuple(parts)


def check_names(names: Sequence[str], known: Mapping[str, Candidate]) -> None:
    """Raise InputError for a name that is no candidate and no mean of different candidates."""
    for name in names:
        different, terms = set(parts_of(name)), name.split("+")
        alone_but_weighed = len(different) == 1 and name not in known
        if not different <= known.keys() or len(different) < len(terms) or alone_but_weighed:
            raise InputError(
                f"There is no candidate {name}: use {', '.join(known)}, or a mean of different ones such as "
                "words+characters or 2*words+characters."
            )
