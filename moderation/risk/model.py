"""The risk model of a bundle: computes judgements from feature vectors."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moderation.effects import FamilyEvidence, Reason, with_none
from moderation.features.content import ContentBaseline
from moderation.risk.explanation import reasons_for
from moderation.risk.family_models import FamilyModel
from moderation.risk.fusion import Fusion
from moderation.risk.gate import CONTENT, COORDINATION, gate_opens_for
from moderation.risk.judgement import Judgement, Judgements
from moderation.risk.manifest import Manifest, Policy, PolicyEntry
from moderation.risk.p_values import Reference, largest_p_values
from moderation.risk.smallest_change import smallest_change

OWN = ("typing", "account")
"""Families of the post and of the account's own history."""


@dataclass(frozen=True)
class BundledRiskModel:
    """The RiskModel of a bundle: family models, their fusion, the gate and the certified threshold of one policy."""

    manifest: Manifest
    manifest_hash: str
    policy: Policy
    """The scoring policy, which the threshold and the certificate belong to."""
    columns: NDArray[np.intp]
    """Column of each feature of the bundle in the computed feature vectors, shape (features,)."""
    width: int
    """Number of columns of the computed feature vectors."""
    evidence: int
    """Column of the feature that is the score of the content family."""
    family_models: Mapping[str, FamilyModel]
    """Models of the metadata families; content has none."""
    fusion: Fusion
    metadata_only: Fusion
    """The fusion without content, for comparison in evaluations only."""
    references: Mapping[str, Mapping[str, Reference]]
    """Genuine scores by family and group of genuine accounts."""
    raised: float = 0.0
    """The threshold that verdicts of people raised that of the bundle to; 0 without one."""

    @property
    def detector_hash(self) -> str:
        """Manifest hash of the detector whose logits are the input."""
        return self.manifest.detector_hash

    @property
    def content_baseline(self) -> ContentBaseline:
        """Scores of human texts by length, to which those of an account are compared."""
        return self.manifest.content_baseline

    @property
    def certified(self) -> PolicyEntry:
        """Threshold and certificate of the policy."""
        return self.manifest.policies[self.policy]

    @property
    def threshold(self) -> float:
        """The threshold; a flag needs a risk strictly above it."""
        return max(self.certified.threshold, self.raised)

    def metadata_scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-odds of each family, shape (n, f) to (n, families); NaN for content and missing families."""
        if features.ndim != 2 or features.shape[1] != self.width:
            raise ValueError(f"features of shape {features.shape} do not fit: the shape must be (n, {self.width})")
        own = features[:, self.columns]
        columns = [
            np.full(len(own), np.nan) if name == CONTENT else self.family_models[name].scores(own)
            for name in self.fusion.families
        ]
        return np.column_stack(columns)

    def with_content(self, scores: NDArray[np.float64], features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return metadata scores, shape (n, families), with the content score of *features*, shape (n, f)."""
        if len(scores) != len(features):
            raise ValueError(f"{len(scores)} rows of scores and {len(features)} of features do not fit")
        found = scores.copy()
        found[:, self.fusion.families.index(CONTENT)] = features[:, self.evidence]
        return found

    def family_scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-odds of each family, shape (n, f) to (n, families); NaN for a missing family."""
        return self.with_content(self.metadata_scores(features), features)

    def p_values(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the p-value of each family score among genuine posts, shape (n, families)."""
        families = enumerate(self.fusion.families)
        return np.column_stack([largest_p_values(self.references[name], scores[:, n]) for n, name in families])

    def agreement(self, p_values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which families agree that a post is unusual, shape (n, families)."""
        return np.nan_to_num(p_values, nan=1.0) <= self.manifest.p_family

    def text_decides(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether texts decide about a flag with these metadata scores; (n, families) to (n,).

        A family must agree with which content suffices for a flag, and with evidence that few genuine posts exceed the
        risk must be above the threshold of the policy `all`, or of the only policy.
        """
        decides = self._any_agrees(scores, set(self.fusion.families) - {CONTENT, COORDINATION})
        rows = np.flatnonzero(decides)
        strong = scores[rows]
        strong[:, self.fusion.families.index(CONTENT)] = self.manifest.selective_evidence
        decides[rows] = self.fusion.risks(strong) > self.manifest.policies.get("all", self.certified).threshold
        return decides

    def usual(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether neither typing nor account of a post agree that it is unusual, (n, families) to (n,).

        Families that read what other sidecars add are not used, because their features can be missing.
        """
        return ~self._any_agrees(scores, OWN)

    def _any_agrees(self, scores: NDArray[np.float64], families: Collection[str]) -> NDArray[np.bool_]:
        """Return whether one of *families* agrees that a post is unusual, shape (n,)."""
        read = [(self.references[name], n) for n, name in enumerate(self.fusion.families) if name in families]
        p_values = np.column_stack([largest_p_values(references, scores[:, n]) for references, n in read])
        return np.array(self.agreement(p_values).any(axis=1), dtype=np.bool_)

    def assess(self, features: NDArray[np.float64]) -> Judgements:
        """Return the judgement of each post: *features* (n, f), NaN for missing.

        Raises ValueError when the shape does not fit.
        """
        return self.judge(self.family_scores(features))

    def judge(self, scores: NDArray[np.float64]) -> Judgements:
        """Return the judgement of each post from the scores of its families, shape (n, families)."""
        names, risks, p_values = self.fusion.families, self.fusion.risks(scores), self.p_values(scores)
        agreement = self.agreement(p_values)
        flagged = ((risks > self.threshold) & gate_opens_for(agreement, names)).tolist()

        def judgement(number: int) -> Judgement:
            own = with_none(np.stack([scores[number], p_values[number]]))
            agreeing = tuple(name for name, agrees in zip(names, agreement[number], strict=True) if agrees)
            return Judgement(float(risks[number]), flagged[number], tuple(map(FamilyEvidence, names, *own)), agreeing)

        return Judgements(flagged, judgement)

    def explain(self, features: NDArray[np.float64]) -> tuple[Reason, ...]:
        """Return the reasons of one post, strongest first, and the smallest change that would have avoided its flag.

        Takes 10 ms, so for flags only. *features* has shape (f,).
        """
        scores = self.family_scores(features[None, :])[0]
        reasons = reasons_for(self.manifest, self.family_models, self.fusion, features[self.columns], scores)
        named = self.manifest.features
        change = smallest_change(named, features, self.columns, lambda rows: self.assess(rows).flagged)
        return reasons if change is None else (*reasons, change)

    def describe(self) -> str:
        """Return the model, its threshold and its certificate in words."""
        sort = "simulated accounts" if self.manifest.simulated else "the accounts of a platform"
        return (
            f"Risk model {self.manifest_hash[:12]}, trained on {sort}, scoring policy {self.policy}: a flag needs a "
            f"risk above {self.threshold:.4f} and two families of signals with p ≤ {self.manifest.p_family:g}, other "
            f"than typing with network, or content with coordination, alone. {self.certified.certificate.sentence()}"
        )
