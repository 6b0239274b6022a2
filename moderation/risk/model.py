"""The risk model of a bundle: computes judgements from features and logits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moderation.effects import FamilyEvidence, Reason, with_none
from moderation.risk.explanation import reasons_for
from moderation.risk.family_models import FamilyModel
from moderation.risk.fusion import Fusion
from moderation.risk.gate import CONTENT, gate_opens_for
from moderation.risk.judgement import Judgement, Judgements
from moderation.risk.manifest import Manifest
from moderation.risk.p_values import Reference

_HIGHEST_LOGIT = 1e6


@dataclass(frozen=True)
class BundledRiskModel:
    """The RiskModel of a bundle: family models, their fusion, the gate and the certified threshold."""

    manifest: Manifest
    manifest_hash: str
    columns: NDArray[np.intp]
    """Column of each feature of the bundle in the computed feature vectors, shape (features,)."""
    width: int
    """Number of columns of the computed feature vectors."""
    family_models: Mapping[str, FamilyModel]
    """Models of the metadata families; content has none."""
    fusion: Fusion
    metadata_only: Fusion
    """The fusion without content, for comparison in evaluations only."""
    references: Mapping[str, Reference]

    @property
    def detector_hash(self) -> str:
        """Manifest hash of the detector whose logits are the input."""
        return self.manifest.detector_hash

    @property
    def threshold(self) -> float:
        """The threshold; a flag needs a risk strictly above it."""
        return self.manifest.threshold

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

    def with_content(self, scores: NDArray[np.float64], logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return metadata scores, shape (n, families), with the *logits* of the texts, shape (n,), as content."""
        if scores.shape != (len(logits), len(self.fusion.families)):
            raise ValueError(f"scores of shape {scores.shape} and {len(logits)} logits do not fit")
        found = scores.copy()
        found[:, self.fusion.families.index(CONTENT)] = logits
        return found

    def family_scores(self, features: NDArray[np.float64], logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-odds of each family, shapes (n, f) and (n,) to (n, families); NaN for a missing family."""
        return self.with_content(self.metadata_scores(features), logits)

    def p_values(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the p-value of each family score among genuine posts, shape (n, families)."""
        return np.column_stack(
            [self.references[name].p_values(scores[:, column]) for column, name in enumerate(self.fusion.families)]
        )

    def agreement(self, p_values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which families agree that a post is unusual, shape (n, families)."""
        return np.nan_to_num(p_values, nan=1.0) <= self.manifest.p_family

    def text_decides(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether some text would raise a flag, metadata scores of shape (n, families) to (n,).

        A metadata family must agree, and the risk with the highest text score must be above the threshold: the risk
        never falls when the text score rises.
        """
        metadata = [column for column, name in enumerate(self.fusion.families) if name != CONTENT]
        decides = np.array(self.agreement(self.p_values(scores))[:, metadata].any(axis=1), dtype=np.bool_)
        rows = np.flatnonzero(decides)
        highest = self.with_content(scores[rows], np.full(len(rows), _HIGHEST_LOGIT))
        decides[rows] = self.fusion.risks(highest) > self.threshold
        return decides

    def assess(self, features: NDArray[np.float64], logits: NDArray[np.float64]) -> Judgements:
        """Return the judgement of each post: *features* (n, f), NaN for missing, *logits* (n,), NaN for no score.

        Raises ValueError when the shapes do not fit.
        """
        return self.judge(self.metadata_scores(features), logits)

    def judge(self, scores: NDArray[np.float64], logits: NDArray[np.float64]) -> Judgements:
        """Return the judgement of each post: metadata scores (n, families), *logits* (n,), NaN for no score."""
        scores = self.with_content(scores, logits)
        names, risks, p_values = self.fusion.families, self.fusion.risks(scores), self.p_values(scores)
        agreement = self.agreement(p_values)
        flagged = ((risks > self.threshold) & gate_opens_for(agreement, names)).tolist()

        def judgement(number: int) -> Judgement:
            own = with_none(np.stack([scores[number], p_values[number]]))
            agreeing = tuple(name for name, agrees in zip(names, agreement[number], strict=True) if agrees)
            return Judgement(float(risks[number]), flagged[number], tuple(map(FamilyEvidence, names, *own)), agreeing)

        return Judgements(flagged, judgement)

    def explain(self, features: NDArray[np.float64], logit: float) -> tuple[Reason, ...]:
        """Return the reasons of one post, strongest first; 10 ms, so for flags only. *features* has shape (f,)."""
        scores = self.family_scores(features[None, :], np.array([logit], dtype=np.float64))[0]
        p_values = self.p_values(scores[None, :])[0]
        return reasons_for(self.manifest, self.family_models, self.fusion, features[self.columns], scores, p_values)

    def describe(self) -> str:
        """Return one sentence about the model, its threshold and its certificate."""
        sort = "simulated accounts" if self.manifest.simulated else "the accounts of a platform"
        return (
            f"Risk model {self.manifest_hash[:12]}, trained on {sort}: a flag needs a risk above {self.threshold:.4f} "
            f"and two families of signals with p ≤ {self.manifest.p_family:g}, other than typing with network alone. "
            f"{self.manifest.certificate.sentence()}"
        )
