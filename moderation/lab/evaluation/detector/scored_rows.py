"""Rows with their scores, as arrays for the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from moderation.lab.textdata.rows import TextRow


@dataclass(frozen=True)
class ScoredRows:
    """Rows and, in the same order, one score each."""

    rows: Sequence[TextRow]
    scores: NDArray[np.float64]
    probabilities: NDArray[np.float64] | None = None
    """Calibrated probabilities, where they are needed."""

    @cached_property
    def sources(self) -> NDArray[np.str_]:
        """The source of each row, shape (rows,)."""
        return np.array([row.source for row in self.rows], dtype=np.str_)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """1 for machine text, 0 for human text; shape (rows,)."""
        return np.array([row.label for row in self.rows], dtype=np.int64)

    @cached_property
    def groups(self) -> NDArray[np.str_]:
        """The group of each row, shape (rows,); a group is never split."""
        return np.array([row.group for row in self.rows], dtype=np.str_)

    def sources_with(self, *labels: int) -> list[str]:
        """Return, sorted, the sources that have rows of all these labels."""
        there = {(row.source, row.label) for row in self.rows}
        return sorted({source for source, _ in there if all((source, label) in there for label in labels)})

    def scores_of(self, source: str, label: int) -> NDArray[np.float64]:
        """Return the scores of the rows of one source and label."""
        found: NDArray[np.float64] = self.scores[(self.sources == source) & (self.labels == label)]
        return found
