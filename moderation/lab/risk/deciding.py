"""The certified decision: chosen on one set of accounts, its threshold set on a second, certified on a third."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from moderation.lab.risk.collecting import CollectedPosts
from moderation.lab.risk.fitting import Fitted
from moderation.lab.risk.recipe import Recipe
from moderation.risk.certificate import Certificate, GroupErrors
from moderation.risk.fusion import Fusion
from moderation.risk.gate import CONTENT, COORDINATION, gate_opens_for
from moderation.risk.p_values import Reference, largest_p_values
from moderation.risk.umbrella import least_sample, threshold_rank, umbrella_threshold
from moderation.state.watchlist import Watchlist

WRITINGS = ("general", "second_language", "formal", "paired")
KINDS_OF_CARE = (
    "classroom",
    "campus",
    "dormitory",
    "household",
    "carrier",
    "dictation",
    "ime",
    "assistive",
    "newcomer",
    "scheduler",
    "template",
    "fan",
)
"""Kinds of genuine accounts that resemble campaigns and are counted apart."""
_LARGEST_RISK = 1.0 - 1e-12


@dataclass(frozen=True)
class Decision:
    """Computes the gated risk from features; the threshold is not part of it."""

    fitted: Fitted
    fusion: Fusion
    references: Mapping[str, Mapping[str, Reference]]
    p_family: float

    def agreement(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which families agree that each post is unusual, shape (n, families)."""
        families = enumerate(self.fusion.families)
        p_values = np.column_stack([largest_p_values(self.references[name], scores[:, n]) for n, name in families])
        return np.asarray(np.nan_to_num(p_values, nan=1.0) <= self.p_family, dtype=np.bool_)

    def gated_risks(self, collected: CollectedPosts) -> NDArray[np.float64]:
        """Return the risk of each post, −inf where the gate is closed; shape (n,)."""
        scores = self.fitted.scores(collected.features)
        opens = gate_opens_for(self.agreement(scores), self.fusion.families)
        return np.where(opens, self.fusion.risks(scores), -np.inf)

    def selected(self, collected: CollectedPosts, evidence: float, threshold: float) -> NDArray[np.bool_]:
        """Return which posts the selective policy scores, shape (n,): from the first of an account whose texts decide.

        They decide where a family agrees with which content suffices for a flag, and the risk with this *evidence* is
        above the *threshold*.
        """
        scores = self.fitted.scores(collected.features)
        content = self.fusion.families.index(CONTENT)
        posted = [content, self.fusion.families.index(COORDINATION)]
        agrees = np.delete(self.agreement(scores), posted, axis=1).any(axis=1)
        scores[:, content] = evidence
        return watched(np.asarray(agrees & (self.fusion.risks(scores) > threshold), dtype=np.bool_), collected)


def watched(decisive: NDArray[np.bool_], collected: CollectedPosts) -> NDArray[np.bool_]:
    """Return for each post whether it or an earlier one of its account in 14 days is *decisive*; both of shape (n,)."""
    watchlist = Watchlist()
    found = np.zeros(len(decisive), dtype=np.bool_)
    rows = zip(collected.account.tolist(), collected.at_ms.tolist(), decisive.tolist(), strict=True)
    for number, (account, at_ms, begins) in enumerate(rows):
        if begins:
            watchlist.watch(account, at_ms)
        found[number] = watchlist.has(account, at_ms)
    return found


def sensitivity(risks: NDArray[np.float64], tune: CollectedPosts, threshold: float) -> float:
    """Return the share of campaign accounts of the tuning set above *threshold*, by the risk of each post, (n,)."""
    return float(np.mean(tune.account_maximum(risks)[~tune.genuine] > threshold))


def set_threshold(risks: NDArray[np.float64], accounts: CollectedPosts, recipe: Recipe) -> tuple[float, dict[str, Any]]:
    """Return the threshold by the umbrella over each genuine account's largest risk, and the rule's parameters.

    *risks* is the risk of each post, −inf where the gate is closed; shape (n,). Where there are too few accounts for α,
    the threshold is their largest risk. It is raised by a margin: else another sample of this size would have a larger
    risk in one of two cases.
    """
    maxima = accounts.account_maximum(risks)[accounts.genuine]
    found = umbrella_threshold(maxima, recipe.threshold_alpha, recipe.delta)
    least = max(float(maxima.max()) if found is None else found, recipe.least_threshold)
    margin = recipe.margin * tail_scale(maxima)
    threshold = float(expit(logit(min(least, _LARGEST_RISK)) + margin))
    rule = {
        "method": "Neyman-Pearson umbrella over each genuine account's largest gated risk, raised by a margin",
        "alpha": recipe.threshold_alpha,
        "delta": recipe.delta,
        "accounts": len(maxima),
        "rank": threshold_rank(len(maxima), recipe.threshold_alpha, recipe.delta),
        "supported": found is not None,
        "least_accounts": least_sample(recipe.threshold_alpha, recipe.delta),
        "genuine_accounts_whose_gate_ever_opened": int(np.isfinite(maxima).sum()),
        "margin_log_odds": margin,
    }
    return threshold, rule


def tail_scale(risks: NDArray[np.float64], most: int = 10) -> float:
    """Return the mean excess of the largest risks over the next one, in log-odds (the scale of an exponential tail)."""
    largest = np.sort(risks[np.isfinite(risks)])[::-1][: most + 1]
    if len(largest) < 2:
        return 0.0
    log_odds = logit(np.clip(largest, 1.0 - _LARGEST_RISK, _LARGEST_RISK))
    return float(np.mean(log_odds[:-1] - log_odds[-1]))


def certify(decision: Decision, threshold: float, accounts: CollectedPosts, recipe: Recipe) -> Certificate:
    """Return the certificate: how many genuine accounts, used in no earlier step, would have received a flag."""
    return certificate_of(decision.gated_risks(accounts), threshold, accounts, recipe)


def certificate_of(
    gated_risks: NDArray[np.float64], threshold: float, accounts: CollectedPosts, recipe: Recipe
) -> Certificate:
    """Return the certificate for the gated risk of each post, shape (n,)."""
    flags = gated_risks > threshold
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
        groups={
            name: GroupErrors(
                accounts=int(members.sum()), writers=accounts.writers(members), errors=int((wrong & members).sum())
            )
            for name, members in groups_of(accounts).items()
        },
    )


def groups_of(accounts: CollectedPosts) -> dict[str, NDArray[np.bool_]]:
    """Return the genuine accounts of each group for which the certificate has figures, shape (m,) each."""
    found = {name: accounts.in_writing(name) for name in WRITINGS}
    found |= {kind: accounts.of_kind(kind) for kind in KINDS_OF_CARE}
    return {name: members for name, members in found.items() if members.any()}
