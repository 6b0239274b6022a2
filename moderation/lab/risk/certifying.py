"""Certifies a finished risk bundle on accounts that it was not trained on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from moderation.detector import Detector
from moderation.errors import InputError
from moderation.features import FEATURES
from moderation.lab.risk.collecting import CollectedPosts
from moderation.lab.risk.content_scores import score_texts, with_content
from moderation.lab.risk.deciding import certificate_of, watched
from moderation.lab.risk.fitting import METADATA
from moderation.lab.risk.own_events import horizon
from moderation.lab.risk.recipe import Recipe
from moderation.lab.risk.training import Progress
from moderation.risk.certificate import Certificate
from moderation.risk.gate import gate_opens_for
from moderation.risk.model import BundledRiskModel


class Certified(NamedTuple):
    """A certificate, and the ids of the accounts that count as errors."""

    certificate: Certificate
    wrong: tuple[str, ...]


def certify_bundle(model: BundledRiskModel, detector: Detector, posts: CollectedPosts, progress: Progress) -> Certified:
    """Return the certificate of a bundle's decision on a platform's accounts, under the bundle's scoring policy.

    Accounts that a label event confirms are left out; every other one that is flagged counts as an error. Raises
    InputError when the events span fewer days than the certificate of the bundle is for.
    """
    own = horizon(posts, Recipe())
    if own.days < model.manifest.horizon_days:
        raise InputError(
            f"The events span {own.days} days; a certificate of this bundle is for {model.manifest.horizon_days}: "
            "give the events of that many days."
        )
    score_of: dict[str, tuple[float, int]] = {}
    progress.step("Scoring texts", len(posts.texts))
    score_texts(detector, posts.texts, score_of, progress.advance)
    chosen = None
    if model.policy == "selective":
        chosen = watched(model.text_decides(model.metadata_scores(posts.features)), posts)
    scored = with_content(posts, score_of, model.content_baseline, chosen)
    trained = model.certified.certificate
    recipe = replace(own, target=trained.target, delta=1.0 - trained.confidence)
    risks = _gated_risks(model, scored)
    certificate = certificate_of(risks, model.threshold, scored, recipe).model_copy(update={"simulated": False})
    wrong = np.flatnonzero((scored.account_maximum(risks) > model.threshold) & scored.genuine)
    return Certified(certificate, tuple(scored.truth[number].account_id for number in wrong.tolist()))


def known_shares(posts: CollectedPosts) -> dict[str, float]:
    """Return the share of posts of genuine accounts with a value of each metadata family."""
    features = posts.features[posts.genuine[posts.account]]
    shares = {}
    for name in METADATA:
        columns = [column for column, feature in enumerate(FEATURES) if feature.family == name]
        shares[name] = float((~np.isnan(features[:, columns])).any(axis=1).mean()) if len(features) else 0.0
    return shares


def refuse_trained_on(model: BundledRiskModel, digests: Collection[str]) -> None:
    """Raise InputError where the bundle was trained on one of these files, by their SHA-256 in hex."""
    texts = model.manifest.training.get("texts", {})
    if set(texts.get("sha256", ())) & set(digests):
        raise InputError(
            "The bundle was trained on these events; a certificate needs accounts that it was not trained on."
        )


def _gated_risks(model: BundledRiskModel, posts: CollectedPosts) -> NDArray[np.float64]:
    """Return the risk of each post, −inf where the gate is closed; shape (n,)."""
    scores = model.family_scores(posts.features)
    opens = gate_opens_for(model.agreement(model.p_values(scores)), model.fusion.families)
    return np.where(opens, model.fusion.risks(scores), -np.inf)
