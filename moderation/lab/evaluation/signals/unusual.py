"""How many real posts or accounts a metadata family finds unusual, beside the nominal rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moderation.risk.model import BundledRiskModel

LEVELS = (0.05, 0.02, 0.01, 0.001)


def p_values_of(features: NDArray[np.float64], family: str, model: BundledRiskModel) -> NDArray[np.float64]:
    """Return the p-value of a metadata family for each row of *features*, (n, f) to (n,)."""
    return model.p_values(model.metadata_scores(features))[:, model.fusion.families.index(family)]


def shares_at_most(p_values: NDArray[np.float64]) -> dict[str, float]:
    """Return the share of p-values, shape (n,), of at most each level."""
    return {f"{level:g}": float(np.mean(p_values <= level)) for level in LEVELS}
