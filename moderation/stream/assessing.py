"""Makes the assessment of a judged post, with its evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from moderation.detector import ContentScore
from moderation.effects import Assessment, Evidence, Reason, SectionEvidence
from moderation.events import Post
from moderation.features import FEATURES_VERSION, FeatureVector, Observed
from moderation.risk import RiskModel
from moderation.risk.gate import CONTENT
from moderation.risk.judgement import Judgement, Judgements
from moderation.stream.scoring_policy import Rule


@dataclass
class Candidate:
    """A post of a batch that may be judged, at its place in the batch."""

    index: int
    post: Post
    observed: Observed | None
    repeated: bool
    silent: bool
    vector: FeatureVector | None = None


class Judged(NamedTuple):
    """The judgement of one post by one model."""

    risk: RiskModel
    judgements: Judgements
    number: int
    """Number of the post in the judgements."""
    vector: FeatureVector
    """With the content features as this model has them."""

    @property
    def flagged(self) -> bool:
        """Whether the post is flagged."""
        return self.judgements.flagged[self.number]

    @property
    def judgement(self) -> Judgement:
        """The judgement."""
        return self.judgements[self.number]


@dataclass(frozen=True)
class Assessed:
    """What was found about a candidate, from which its assessment is made where one is needed."""

    candidate: Candidate
    content: ContentScore
    rule: Rule | None
    judged: Judged | None
    """By the model that decides; None without metadata."""
    beside: Judged | None = None
    """By the other model, while one is on trial."""

    @property
    def flagged(self) -> bool:
        """Whether the post is flagged."""
        return self.judged is not None and self.judged.flagged


@dataclass(frozen=True)
class Assessor:
    """Makes assessments of one platform, with the versions of the models."""

    platform_id: str
    detector_version: str
    risk: RiskModel
    """The live model, whose threshold a post without a judgement has."""

    def assessment(self, assessed: Assessed, judged: Judged | None, *, explained: bool) -> Assessment:
        """Return the assessment by one of the models; with *explained*, with its reasons, which takes 10 ms."""
        candidate, content = assessed.candidate, assessed.content
        post = candidate.post
        vector = candidate.vector if judged is None else judged.vector
        judgement = None if judged is None else judged.judgement
        risk = self.risk if judged is None else judged.risk
        return Assessment(
            platform_id=self.platform_id,
            post_id=post.post_id,
            content_hash=post.content_hash,
            account_id=post.account_id,
            event_time=post.created_at,
            synthetic_logit=_known(content.logit),
            synthetic_score=_known(content.probability),
            sections=tuple(SectionEvidence(part.start, part.end, part.logit) for part in content.sections),
            truncated=content.truncated,
            content_abstained="not_selected" if assessed.rule is None else content.abstained,
            scored_by=assessed.rule,
            tampered_share=content.tampering.share,
            risk=None if judgement is None else judgement.risk,
            threshold=risk.threshold,
            flagged=judged is not None and judged.flagged,
            families=() if judgement is None else judgement.families,
            agreeing=() if judgement is None else judgement.agreeing,
            reasons=_reasons(risk, vector, content) if explained and vector is not None else (),
            features=() if vector is None else tuple(_known(value) for value in vector.values.tolist()),
            features_version=FEATURES_VERSION,
            detector_version=self.detector_version,
            risk_version=risk.manifest_hash,
            graph_epoch=None if vector is None else vector.graph_epoch,
            degraded=() if vector is None else vector.degraded,
            missing=post.invalid,
        )


def evidence_of(assessed: Assessed) -> Evidence:
    """Return the evidence of a post, for a reviewer."""
    post, vector = assessed.candidate.post, assessed.candidate.vector
    if vector is None:
        return Evidence(post.text, None, None, None)
    return Evidence(post.text, vector.address_hash, vector.device_hash, vector.key_id)


def _reasons(risk: RiskModel, vector: FeatureVector, content: ContentScore) -> tuple[Reason, ...]:
    """Return the reasons for the risk; last, without a contribution, the hidden characters of the text."""
    reasons = list(risk.explain(vector.values))
    if hidden := content.tampering.in_words():
        reasons.append(Reason(CONTENT, "tampered_share", content.tampering.share, 0.0, hidden))
    return tuple(reasons)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
