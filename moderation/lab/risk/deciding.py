"""The certified decision: chosen on one set of accounts, its threshold set on a second, certified on a third."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.lab.risk.collecting import SimulatedPosts
from moderation.lab.risk.fitting import Fitted
from moderation.lab.risk.recipe import Recipe
from moderation.risk.certificate import Certificate
from moderation.risk.fusion import Fusion
from moderation.risk.gate import gate_opens_for
from moderation.risk.p_values import Reference
from moderation.risk.umbrella import least_sample, threshold_rank, umbrella_threshold


@dataclass(frozen=True)
class Decision:
    """Computes the gated risk from scores; the threshold is not part of it."""

    fitted: Fitted
    fusion: Fusion
    references: Mapping[str, Reference]
    p_family: float

    def gated_risks(self, collected: SimulatedPosts, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the risk of each post, −inf where the gate is closed; shape (n,)."""
        scores = self.fitted.scores(collected.features, logits)
        p_values = np.column_stack(
            [self.references[name].p_values(scores[:, column]) for column, name in enumerate(self.fusion.families)]
        )
        agreement = np.nan_to_num(p_values, nan=1.0) <= self.p_family
        opens = gate_opens_for(agreement, self.fusion.families)
        return np.where(opens, self.fusion.risks(scores), -np.inf)


def sensitivity(risks: NDArray[np.float64], tune: SimulatedPosts, target: float) -> float:
    """Return the share of campaign accounts flagged on the tuning set at the false-positive rate *target*.

    *risks* is the risk of each of its posts, shape (n,).
    """
    maxima = tune.account_maximum(risks)
    people = np.sort(maxima[tune.genuine])[::-1]
    threshold = people[int(target * len(people))]
    return float(np.mean(maxima[~tune.genuine] > threshold))


def set_threshold(
    decision: Decision, accounts: SimulatedPosts, logits: NDArray[np.float64], recipe: Recipe
) -> tuple[float, dict[str, Any]]:
    """Return the threshold by the umbrella over each genuine account's largest gated risk, and the rule's parameters.

    Where there are too few accounts for α, the threshold is their largest risk.
    """
    maxima = accounts.account_maximum(decision.gated_risks(accounts, logits))[accounts.genuine]
    found = umbrella_threshold(maxima, recipe.threshold_alpha, recipe.delta)
    threshold = max(float(maxima.max()) if found is None else found, recipe.least_threshold)
    rule = {
        "method": "Neyman-Pearson umbrella over each genuine account's largest gated risk",
        "alpha": recipe.threshold_alpha,
        "delta": recipe.delta,
        "accounts": len(maxima),
        "rank": threshold_rank(len(maxima), recipe.threshold_alpha, recipe.delta),
        "supported": found is not None,
        "least_accounts": least_sample(recipe.threshold_alpha, recipe.delta),
        "genuine_accounts_whose_gate_ever_opened": int(np.isfinite(maxima).sum()),
    }
    return threshold, rule


def certify(
    decision: Decision, threshold: float, accounts: SimulatedPosts, logits: NDArray[np.float64], recipe: Recipe
) -> Certificate:
    """Return the certificate: how many genuine accounts, used in no earlier step, would have received a flag."""
    flags = decision.gated_risks(accounts, logits) > threshold
    of_people = accounts.genuine[accounts.account]
    flagged = accounts.account_maximum(np.where(flags, 1.0, 0.0)) > 0
    wrong = flagged & accounts.genuine
    return Certificate(
        target=recipe.target,
        confidence=1.0 - recipe.delta,
        accounts=int(accounts.genuine.sum()),
        errors=int(wrong.sum()),
        posts=int(of_people.sum()),
        post_errors=int((flags & of_people).sum()),
        address_clusters=len(np.unique(accounts.cluster[accounts.genuine])),
        clusters_with_error=len(np.unique(accounts.cluster[wrong])),
        unique_texts=len(np.unique(accounts.text[of_people])),
        horizon_days=recipe.days,
        post_cap=recipe.post_cap,
        simulated=True,
    )
