"""Pools the logits of the sections of a text."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

PoolingRule = Literal["token-weighted mean", "max", "mean of the two highest", "softmax-weighted mean (temperature 1)"]
POOLING_RULES: tuple[PoolingRule, ...] = get_args(PoolingRule)
DEFAULT_RULE: PoolingRule = "token-weighted mean"


def pooled(rule: PoolingRule, logits: NDArray[np.floating], tokens: NDArray[np.floating]) -> float:
    """Return the raw fp32 logit of a text whose sections have *logits* and *tokens*, both of shape (sections,).

    For a text of one section every rule returns the logit of the section.
    """
    values = logits.astype(np.float64)
    if rule == "max":
        found = values.max()
    elif rule == "mean of the two highest":
        found = np.sort(values)[-2:].mean()
    elif rule == "softmax-weighted mean (temperature 1)":
        found = np.average(values, weights=np.exp(values - values.max()))
    else:
        found = np.average(values, weights=tokens)
    return float(np.float32(found))
