"""Explains the risk of a post in sentences that a reviewer can verify."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from moderation.effects import Reason
from moderation.risk.family_models import FamilyModel
from moderation.risk.fusion import Fusion
from moderation.risk.gate import CONTENT
from moderation.risk.manifest import Manifest, NamedFeature

EVIDENCE = "content_evidence"
"""The feature that is the score of the content family."""
FEATURES_PER_FAMILY = 2
_BASES = {"ln": math.e, "log2": 2.0}
"""Units that are logarithms, with their base."""
_LARGEST_EXPONENT = 40.0
_YES_OR_NO = "0/1"
_UNITS = {"": "", "1": "", "count": "", "1/s": " per second", "1/day": " per day"}


def reasons_for(
    manifest: Manifest,
    models: Mapping[str, FamilyModel],
    fusion: Fusion,
    features: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> tuple[Reason, ...]:
    """Return the reasons of one post, strongest first: the strongest features of each family that raised the risk.

    Shapes: *features* (f,), *scores* (families,). The contribution of a family to the log-odds of risk
    is distributed over its features in proportion to their contributions to the family score (TreeSHAP, Lundberg et
    al. 2020). Missing values are never a reason.
    """
    reasons: list[Reason] = []
    for column, contribution in enumerate(fusion.contributions(scores)):
        name = fusion.families[column]
        if contribution <= 0 or np.isnan(scores[column]):
            continue
        if name == CONTENT:
            reasons.append(_content_reason(manifest, features, float(contribution)))
        else:
            reasons += _family_reasons(manifest, models[name], features, float(contribution))
    return tuple(sorted(reasons, key=lambda reason: (-reason.contribution, reason.family, reason.feature)))


def _content_reason(manifest: Manifest, features: NDArray[np.float64], contribution: float) -> Reason:
    """Return the evidence of the texts as a reason, in terms of their mean score and number."""
    found = {named.name: (named, float(value)) for named, value in zip(manifest.features, features, strict=True)}
    text = f"{sentence(*found['content_mean']).rstrip('.')} (texts with a score: {found['content_scored'][1]:.0f})."
    return Reason(CONTENT, EVIDENCE, found[EVIDENCE][1], contribution, text)


def _family_reasons(
    manifest: Manifest, model: FamilyModel, features: NDArray[np.float64], contribution: float
) -> list[Reason]:
    shares = np.where(np.isnan(features[list(model.columns)]), 0.0, model.contributions(features))
    total = shares[shares > 0].sum()
    reasons = []
    for own in np.argsort(-shares, kind="stable")[:FEATURES_PER_FAMILY]:
        if shares[own] <= 0:
            break
        column = model.columns[own]
        feature, value = manifest.features[column], float(features[column])
        part = contribution * float(shares[own] / total)
        reasons.append(Reason(model.name, feature.name, value, part, sentence(feature, value)))
    return reasons


def sentence(feature: NamedFeature, value: float) -> str:
    """Return a sentence with *value* of *feature* and the usual values of genuine accounts."""
    meaning = feature.meaning.strip().rstrip(".")
    text = f"{meaning[:1].upper()}{meaning[1:]}: {_shown(value, feature.unit)}"
    if feature.genuine_median is None or feature.genuine_low is None or feature.genuine_high is None:
        return f"{text}."
    low, high = _shown(feature.genuine_low, feature.unit), _shown(feature.genuine_high, feature.unit)
    if feature.unit == _YES_OR_NO and low != high:
        return f"{text}; among genuine accounts both are usual."
    usual = f"nearly always {low}" if low == high else f"mostly {low} to {high}"
    return f"{text}; among genuine accounts {usual}."


def _shown(value: float, unit: str) -> str:
    """Return *value* for a reviewer: logarithms as factors, shares in percent, 0 and 1 as no and yes."""
    if unit == _YES_OR_NO:
        return "yes" if value >= 0.5 else "no"
    if unit == "share":
        return f"{_plain(100 * value)} %"
    if unit in _BASES:
        return f"{_plain(_BASES[unit] ** min(value, _LARGEST_EXPONENT))} times"
    return f"{_plain(value)}{_UNITS.get(unit, f' {unit}')}"


def _plain(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
