"""The protocol of a risk model."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from moderation.effects import Reason
from moderation.features.content import ContentBaseline
from moderation.risk.judgement import Judgements


class RiskModel(Protocol):
    """Computes judgements from feature vectors; each row is independent of the others."""

    @property
    def manifest_hash(self) -> str:
        """SHA-256 of the manifest, in hex: the version of the model."""

    @property
    def threshold(self) -> float:
        """The threshold; a flag needs a risk strictly above it."""

    @property
    def content_baseline(self) -> ContentBaseline:
        """Scores of human texts by length, to which those of an account are compared."""

    def metadata_scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of the families, *features* of shape (n, f) to (n, families), NaN for content.

        f is the number of features in the catalogue. Raises ValueError when the shape does not fit.
        """

    def with_content(self, scores: NDArray[np.float64], features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return metadata scores, shape (n, families), with the content score of *features*, shape (n, f)."""

    def text_decides(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether texts decide about a flag with these metadata scores, (n, families) to (n,)."""

    def usual(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether neither typing nor account of a post agree that it is unusual, (n, families) to (n,)."""

    def judge(self, scores: NDArray[np.float64]) -> Judgements:
        """Return the judgement of each post from the scores of its families, shape (n, families)."""

    def explain(self, features: NDArray[np.float64]) -> tuple[Reason, ...]:
        """Return the reasons for the risk of one post, strongest first; *features* has shape (f,)."""

    def describe(self) -> str:
        """Return one sentence about the model, its threshold and its certificate."""
