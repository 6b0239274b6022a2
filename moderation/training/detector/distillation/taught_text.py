"""A text in the student's tokens, with what the companion said of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OF_A_TOKEN = (
    "discrepancy",
    "log_probability",
    "variance",
    "log_rank",
    "in_top_10",
    "in_top_100",
    "in_top_1000",
    "tokens",
)
"""What is summed over the companion's tokens: log probability minus its expectation (Fast-DetectGPT), the next two,
log(rank + 1), whether the rank is among GLTR's, and how many tokens there are."""


@dataclass(frozen=True)
class TaughtText:
    """*ids* of shape (tokens,), without special tokens, and *targets* of shape (tokens, OF_A_TOKEN)."""

    ids: NDArray[np.int32]
    targets: NDArray[np.float32]
