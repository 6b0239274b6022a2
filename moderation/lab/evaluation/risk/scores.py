"""Computes the compared scores: content only, metadata only and both, with and without the gate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from moderation.lab.risk.collecting import CollectedPosts
from moderation.risk.gate import CONTENT, FAMILIES, gate_opens_for
from moderation.risk.model import BundledRiskModel

CONTENT_ONLY = "content only"
METADATA_ONLY = "metadata only"
METADATA_GATED = "metadata only, gated"
BOTH = "both"
BOTH_GATED = "both, gated"
SELECTIVE = "both, gated, policy selective"
COMPARED = (CONTENT_ONLY, METADATA_ONLY, BOTH, METADATA_GATED, BOTH_GATED)
"""Content alone has no gated figure: the gate never opens for it."""


LEFT_OUT = {name: f"{BOTH_GATED}, without {name}" for name in FAMILIES}
"""The score with one family missing in every post, by the name of the family."""


def account_scores(model: BundledRiskModel, collected: CollectedPosts) -> Mapping[str, NDArray[np.float64]]:
    """Return each compared score as the maximum over the posts of each account, shape (accounts,); −inf: never flagged.

    Metadata only is a separate fusion, trained without content, so that the comparison is fair.
    """
    scores = model.family_scores(collected.features)
    agreement = model.agreement(model.p_values(scores))
    families = model.fusion.families
    others = [column for column, name in enumerate(families) if name != CONTENT]
    risk = model.fusion.risks(scores)
    metadata = model.metadata_only.risks(scores[:, others])
    opens = gate_opens_for(agreement, families)
    opens_without = gate_opens_for(agreement[:, others], model.metadata_only.families)
    posts = {
        CONTENT_ONLY: scores[:, families.index(CONTENT)],
        METADATA_ONLY: metadata,
        BOTH: risk,
        METADATA_GATED: np.where(opens_without, metadata, -np.inf),
        BOTH_GATED: np.where(opens, risk, -np.inf),
    }
    for column, family in enumerate(families):
        posts[LEFT_OUT[family]] = _gated_without(model, scores, agreement, column)
    return {name: collected.account_maximum(values) for name, values in posts.items()}


def flagged_posts(model: BundledRiskModel, collected: CollectedPosts) -> NDArray[np.bool_]:
    """Return which posts the shipped decision flags, shape (n,)."""
    return np.array(model.judge(model.family_scores(collected.features)).flagged, dtype=np.bool_)


def _gated_without(
    model: BundledRiskModel, scores: NDArray[np.float64], agreement: NDArray[np.bool_], column: int
) -> NDArray[np.float64]:
    """Return the gated risk of posts without one family: *scores* and *agreement* (n, families) to (n,)."""
    fewer, agrees = scores.copy(), agreement.copy()
    fewer[:, column], agrees[:, column] = np.nan, False
    return np.where(gate_opens_for(agrees, model.fusion.families), model.fusion.risks(fewer), -np.inf)
