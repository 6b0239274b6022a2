"""Explains the risk of a post in sentences that a reviewer can verify."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from moderation.effects import Reason
from moderation.risk.family_models import FamilyModel
from moderation.risk.fusion import Fusion
from moderation.risk.gate import CONTENT
from moderation.risk.manifest import Manifest
from moderation.risk.phrases import inside, sentence, shown

EVIDENCE = "content_evidence"
"""The feature that is the score of the content family."""
FEATURES_PER_FAMILY = 2
_LEAST_SHARE = 0.05
"""Share of the contributions of a family whose values are all usual, from which it is a reason."""
_FAMILY_WORDS = {
    "typing": "how it was typed",
    "network": "its address and device",
    "graph": "who follows whom",
    "account": "the history of the account",
    "coordination": "what it posts at the same time as others",
}


def reasons_for(
    manifest: Manifest,
    models: Mapping[str, FamilyModel],
    fusion: Fusion,
    features: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> tuple[Reason, ...]:
    """Return the reasons of one post, strongest first: of each family that raised it, the strongest unusual features.

    Shapes: *features* (f,), *scores* (families,). The contribution of a family to the log-odds of risk
    is distributed over its features in proportion to their contributions to the family score (TreeSHAP, Lundberg et
    al. 2020). Missing values are never a reason, nor is a family without an unusual value that contributes little.
    """
    reasons: list[Reason] = []
    contributions = fusion.contributions(scores)
    least = _LEAST_SHARE * float(contributions[contributions > 0].sum())
    for column, contribution in enumerate(contributions):
        name = fusion.families[column]
        if contribution <= 0 or np.isnan(scores[column]):
            continue
        if name == CONTENT:
            reasons.append(_content_reason(manifest, features, float(contribution)))
        else:
            found = _family_reasons(manifest, models[name], features, float(contribution))
            reasons += [reason for reason in found if contribution >= least or not _is_usual(manifest, reason)]
    return tuple(sorted(reasons, key=lambda reason: (-reason.contribution, reason.family, reason.feature)))


def _is_usual(manifest: Manifest, reason: Reason) -> bool:
    named = next(feature for feature in manifest.features if feature.name == reason.feature)
    return reason.value is not None and inside(named, reason.value)


def _content_reason(manifest: Manifest, features: NDArray[np.float64], contribution: float) -> Reason:
    """Return the evidence of the texts as a reason, in terms of their number."""
    found = {named.name: (named, float(value)) for named, value in zip(manifest.features, features, strict=True)}
    feature, value = found[EVIDENCE]
    scored = round(found["content_scored"][1])
    texts = "Its last text scores" if scored == 1 else f"Its last {scored} texts together score"
    number = shown(feature, value)
    _, community = found.get("content_community", (feature, np.nan))
    others = "human texts" if np.isnan(community) else "those of others in its community"
    text = f"{texts} {number} standard deviations above {others}"
    if feature.genuine_high is not None and value > feature.genuine_high:
        text += f"; genuine accounts rarely exceed {shown(feature, feature.genuine_high)}"
    return Reason(CONTENT, EVIDENCE, value, contribution, f"{text}.")


def _family_reasons(
    manifest: Manifest, model: FamilyModel, features: NDArray[np.float64], contribution: float
) -> list[Reason]:
    """Return the strongest features outside their usual range; where all are inside, one reason about the family."""
    shares = np.where(np.isnan(features[list(model.columns)]), 0.0, model.contributions(features))
    total = shares[shares > 0].sum()
    strongest = [own for own in np.argsort(-shares, kind="stable") if shares[own] > 0]
    named = {own: (manifest.features[model.columns[own]], float(features[model.columns[own]])) for own in strongest}
    unusual = [own for own in strongest if not inside(*named[own])][:FEATURES_PER_FAMILY]
    if strongest and not unusual:
        feature, value = named[strongest[0]]
        words = _FAMILY_WORDS.get(model.name, model.name)
        text = f"No single value about {words} is unusual, but together they are rarer among genuine accounts."
        return [Reason(model.name, feature.name, value, contribution, text)]
    return [
        Reason(model.name, named[own][0].name, named[own][1], contribution * float(shares[own] / total), text)
        for own in unusual
        for text in [sentence(*named[own])]
    ]
