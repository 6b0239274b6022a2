"""A companion's figures of texts, kept in a file: folds share texts, and computing them is the slow part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.detector.companion import FEATURES, Companion
from moderation.training.detector.kept_by_text import KeptByText

_VERSION = 3
"""Of how figures are counted and found again: those of another version are not taken from a file."""


class KeptFeatures:
    """The figures of texts, in a file of the companion's own in *folder*."""

    def __init__(self, companion: Companion, folder: Path) -> None:
        self._companion = companion
        self._kept = KeptByText(
            folder / f"companion-{companion.manifest_hash}-{_VERSION}.jsonl", self._compute, _is_whole
        )

    def of(self, texts: Sequence[str], advance: Callable[[int], None] = lambda _texts: None) -> NDArray[np.float64]:
        """Return shape (texts, FEATURES), NaN where the companion abstains; *advance* is told of texts done."""
        return np.array(self._kept.of(texts, advance), dtype=np.float64).reshape(len(texts), len(FEATURES))

    def characters_per_token(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return how long the companion's tokens of each text are on average, shape (texts,), NaN without a token."""
        return np.array([self._companion.characters_per_token(text) for text in texts], dtype=np.float64)

    def _compute(self, texts: Sequence[str]) -> list[list[float]]:
        return [
            [float(getattr(score.features, name)) for name in FEATURES] for score in self._companion.score(list(texts))
        ]


def _is_whole(value: Any) -> bool:
    return len(value) == len(FEATURES) and all(isinstance(number, float) for number in value)
