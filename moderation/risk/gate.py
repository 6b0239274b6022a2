"""The gate: the agreement of families that a flag needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

CONTENT = "content"
COORDINATION = "coordination"
FAMILIES = (CONTENT, "typing", "network", "graph", "account", COORDINATION)
"""Every family of signals, in the order of the fusion's columns."""

NOT_ENOUGH_TOGETHER = (frozenset({"typing", "network"}), frozenset({CONTENT, COORDINATION}))
"""Typing and network, which dictation, assistive input, campuses and carrier NAT affect together; and what is posted:
a chain letter or a template is a text that many people post."""


def gate_opens(agreeing: Collection[str]) -> bool:
    """Return whether the *agreeing* families (p ≤ p_f) suffice: two of them, of different kinds."""
    distinct = frozenset(agreeing)
    return len(distinct) >= 2 and not any(distinct <= together for together in NOT_ENOUGH_TOGETHER)


def gate_opens_for(agreement: NDArray[np.bool_], families: Sequence[str]) -> NDArray[np.bool_]:
    """Return `gate_opens` for many posts, *agreement* of shape (n, families) to (n,)."""
    patterns, which = np.unique(agreement, axis=0, return_inverse=True)
    opens = [
        gate_opens([name for name, agrees in zip(families, pattern, strict=True) if agrees]) for pattern in patterns
    ]
    return np.asarray(opens, dtype=np.bool_)[which.reshape(-1)]
