"""What the expectations of a text's tokens say about the text: GLTR's shares of ranks, Fast-DetectGPT's curvature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TokenArrays:
    """How expected each token of a text was, each of shape (tokens,), in nats.

    ``expected`` and ``variance`` are those of the log probability under the model's own distribution; ``rank`` counts
    the vocabulary entries that the model held more probable.
    """

    log_probability: NDArray[np.float64]
    expected: NDArray[np.float64]
    variance: NDArray[np.float64]
    rank: NDArray[np.int64]

    def those(self, counted: NDArray[np.bool_]) -> TokenArrays:
        """Return the tokens that *counted*, shape (tokens,), is true for."""
        return TokenArrays(
            self.log_probability[counted], self.expected[counted], self.variance[counted], self.rank[counted]
        )


@dataclass(frozen=True)
class ZeroShotFeatures:
    """Figures of one text, from its *n_tokens* tokens that repeat nothing; NaN, and no tokens, where it abstains.

    Ranks and shares: Gehrmann, Strobelt & Rush 2019 (GLTR), with rank 0 for the most probable entry; ``mean_log_rank``
    is of rank + 1. ``curvature``: Bao et al. 2024 (Fast-DetectGPT, analytic, the sampling model being the scoring
    model). It grows with the root of the length; ``curvature_per_token`` is it divided by that root.
    """

    mean_log_probability: float
    mean_entropy: float
    log_probability_sd: float
    top10_share: float
    top100_share: float
    top1000_share: float
    mean_log_rank: float
    curvature: float
    curvature_per_token: float
    n_tokens: int


FEATURES = tuple(field.name for field in fields(ZeroShotFeatures))
"""The names of the figures; the number of tokens that they are from is the last."""

LEAST_TOKENS = 4
LEAST_VARIANCE = 1e-12
"""A model that is sure of a token leaves no variance: it then is as expected as it can be, or not at all."""
MISSING = ZeroShotFeatures(**dict.fromkeys(FEATURES[:-1], math.nan), n_tokens=0)


def features_of(tokens: TokenArrays) -> ZeroShotFeatures:
    """Return the figures of a text; of one with fewer than four tokens, MISSING."""
    count = len(tokens.log_probability)
    if count < LEAST_TOKENS:
        return MISSING
    surprise = float((tokens.log_probability - tokens.expected).sum())
    deviation = math.sqrt(max(float(tokens.variance.sum()), LEAST_VARIANCE))
    return ZeroShotFeatures(
        mean_log_probability=float(tokens.log_probability.mean()),
        mean_entropy=float(-tokens.expected.mean()),
        log_probability_sd=float(tokens.log_probability.std()),
        top10_share=float((tokens.rank < 10).mean()),
        top100_share=float((tokens.rank < 100).mean()),
        top1000_share=float((tokens.rank < 1000).mean()),
        mean_log_rank=float(np.log1p(tokens.rank).mean()),
        curvature=surprise / deviation,
        curvature_per_token=surprise / deviation / math.sqrt(count),
        n_tokens=count,
    )


def figures_of(texts: Sequence[ZeroShotFeatures]) -> NDArray[np.float64]:
    """Return the figures of some texts, shape (texts, FEATURES), NaN where they are missing."""
    rows = [[getattr(text, name) for name in FEATURES] for text in texts]
    return np.array(rows, dtype=np.float64).reshape(len(texts), len(FEATURES))
