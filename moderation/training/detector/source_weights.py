"""How much each source counts in the loss: more the worse the model does on it, within bounds.

Group distributionally robust optimisation by exponentiated gradient: Sagawa, Koh, Hashimoto, Liang 2020. Draws stay as
they are; the losses of a source's texts are multiplied by its ratio.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from moderation.training.detector.batches import TokenisedTexts
from moderation.training.detector.rows import TextRow

MOST = 3.0
"""No source counts more than this many times what its draws give it, and none less than the inverse."""
_RATE = 0.01  # that of the source's experiments
_STEPS_REMEMBERED = 10
_HALVINGS = 60


class SourceWeights:
    """The ratio of each source, moved after every step by the losses of its texts."""

    def __init__(self, rows: Sequence[TextRow], texts: TokenisedTexts) -> None:
        """Begin with every ratio at one. *texts* are the *rows*, tokenised."""
        self.sources = sorted({rows[members[0]].source for members in texts.strata})
        number = {source: place for place, source in enumerate(self.sources)}
        self._source_of = np.array([number.get(row.source, -1) for row in rows])
        self._drawn = np.zeros(len(self.sources))
        for members, weight in zip(texts.strata, texts.weights, strict=True):
            self._drawn[number[rows[members[0]].source]] += weight
        self._log_ratios = np.zeros(len(self.sources))
        self._losses = np.full(len(self.sources), np.nan)

    @property
    def ratios(self) -> NDArray[np.float64]:
        """The ratio of each source, shape (sources,); weighted by how often sources are drawn, their mean is one."""
        return np.exp(self._log_ratios)

    def of(self, texts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the ratio of each text's source, shape (texts,)."""
        ratios: NDArray[np.float32] = self.ratios[self._source_of[texts]].astype(np.float32)
        return ratios

    def learn(self, texts: NDArray[np.int64], losses: NDArray[np.float32]) -> None:
        """Move the ratios by the losses (nats) of a step's texts, both of shape (texts,)."""
        for source in np.unique(self._source_of[texts]):
            loss = float(losses[self._source_of[texts] == source].mean())
            before = self._losses[source]
            self._losses[source] = loss if np.isnan(before) else before + (loss - before) / _STEPS_REMEMBERED
        # A source that no step has shown yet counts as an average one.
        unseen = float(np.nanmean(self._losses))
        moved = self._log_ratios + _RATE * np.nan_to_num(self._losses, nan=unseen)
        self._log_ratios = self._within_bounds(moved)

    def state(self) -> dict[str, Any]:
        """Return what is saved with the run."""
        return {"log_ratios": torch.from_numpy(self._log_ratios), "losses": torch.from_numpy(self._losses)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` gave, on the same rows."""
        self._log_ratios = state["log_ratios"].cpu().numpy().copy()
        self._losses = state["losses"].cpu().numpy().copy()

    def _within_bounds(self, moved: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shift all by one number and clip, such that the mean ratio of a draw is one; that number by bisection."""
        bound = math.log(MOST)
        low, high = -bound - float(moved.max()), bound - float(moved.min())
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            mean = float(self._drawn @ np.exp(np.clip(moved + middle, -bound, bound)))
            low, high = (middle, high) if mean < 1 else (low, middle)
        clipped: NDArray[np.float64] = np.clip(moved + low, -bound, bound)
        return clipped
