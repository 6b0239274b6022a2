"""From events in order to effects: features, scores, judgements and what follows from them. Pure: no I/O."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moderation.audit import AuditSampling
from moderation.detector import ContentScore, Detector
from moderation.effects import (
    Assessment,
    AuditSample,
    DeadLetter,
    Effects,
    Evidence,
    FlagRaised,
    LabelGiven,
    PostDeleted,
    Reason,
    SectionEvidence,
)
from moderation.events import BadRecord, Deletion, Follow, Ignored, Label, Post
from moderation.features import FEATURES_VERSION, FeatureExtractor, FeatureVector
from moderation.ordering import Item
from moderation.risk import Judgement, RiskModel
from moderation.risk.gate import CONTENT


@dataclass(frozen=True)
class Outcome:
    """What one batch led to. `assessments` stands beside the batch: None where an item was no post to assess."""

    effects: Effects
    assessments: tuple[Assessment | None, ...]


@dataclass(frozen=True)
class _Candidate:
    index: int
    post: Post
    vector: FeatureVector | None
    repeated: bool


class Pipeline:
    """The whole judgement of a batch. The same items in the same order lead to the same outcome, on any day."""

    def __init__(
        self,
        *,
        platform_id: str,
        extractor: FeatureExtractor,
        detector: Detector,
        risk: RiskModel,
        audit: AuditSampling | None = None,
    ) -> None:
        self._platform_id = platform_id
        self._extractor = extractor
        self._detector = detector
        self._risk = risk
        self._audit = audit

    def process(self, items: Sequence[Item]) -> Outcome:
        """Judge items in their order. Silent ones restore state and leave no trace in the effects."""
        effects = Effects()
        candidates: list[_Candidate] = []
        for index, item in enumerate(items):
            if not item.silent:
                self._advance(effects, item)
            if isinstance(item.content, BadRecord):
                self._refuse(effects, item, item.content)
            elif isinstance(item.content, Ignored):
                if not item.silent:
                    effects.count("ignored")
            elif isinstance(item.content, Post):
                candidate = self._meet(effects, index, item.content, silent=item.silent)
                if candidate is not None:
                    candidates.append(candidate)
            else:
                self._extractor.observe(item.content)
                if not item.silent:
                    self._note(effects, item.content)
        assessments: list[Assessment | None] = [None] * len(items)
        for candidate, assessment in zip(candidates, self._assess(candidates), strict=True):
            assessments[candidate.index] = assessment
            self._conclude(effects, candidate, assessment)
        return Outcome(effects, tuple(assessments))

    @staticmethod
    def _advance(effects: Effects, item: Item) -> None:
        origin = item.origin
        effects.positions[origin.partition] = max(effects.positions.get(origin.partition, 0), origin.offset + 1)

    @staticmethod
    def _refuse(effects: Effects, item: Item, bad: BadRecord) -> None:
        if item.silent:
            return
        effects.dead_letters.append(DeadLetter(item.origin, bad.stage, bad.reason))
        effects.count("dead_letters")

    def _meet(self, effects: Effects, index: int, post: Post, *, silent: bool) -> _Candidate | None:
        """Take a post into the state; a candidate for assessment unless it only restores state."""
        if silent:
            if post.judgeable and self._extractor.seen_before(post) != "same":
                self._extractor.observe(post)
            return None
        effects.count("posts")
        for name in post.invalid:
            effects.count(f"invalid:{name}")
        if not post.judgeable:
            effects.count("posts_without_metadata")
            if post.account_id is None:
                effects.count("posts_without_account")
            if post.created_at is None:
                effects.count("posts_without_time")
            return _Candidate(index, post, None, repeated=False)
        seen = self._extractor.seen_before(post)
        if seen == "same":
            effects.count("posts_repeated")
            return _Candidate(index, post, None, repeated=True)
        return _Candidate(index, post, self._extractor.extract(post), repeated=False)

    def _note(self, effects: Effects, event: Follow | Deletion | Label) -> None:
        if isinstance(event, Follow):
            effects.count("follows")
        elif isinstance(event, Deletion):
            effects.count("deletions")
            if event.account_id is None:
                effects.count("deletions_without_account")
            effects.deletions.append(PostDeleted(self._platform_id, event.post_id, event.account_id, event.at))
        else:
            effects.count("labels")
            effects.labels.append(self._label(event))

    def _label(self, event: Label) -> LabelGiven:
        identity = "\x00".join(
            (
                self._platform_id,
                event.post_id or "",
                event.account_id or "",
                event.verdict,
                str(event.at_ms),
                event.source,
            )
        )
        return LabelGiven(
            platform_id=self._platform_id,
            post_id=event.post_id,
            account_id=event.account_id,
            verdict=event.verdict,
            at=event.at,
            source=event.source,
            event_key=hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest(),
        )

    def _assess(self, candidates: Sequence[_Candidate]) -> list[Assessment]:
        if not candidates:
            return []
        posts = [candidate.post for candidate in candidates]
        contents = self._detector.score([post.text for post in posts], [post.lang for post in posts])
        judged = [i for i, candidate in enumerate(candidates) if candidate.vector is not None]
        judgements: dict[int, Judgement] = {}
        if judged:
            matrix = np.stack([_values(candidates[i].vector) for i in judged])
            logits = np.array([contents[i].logit for i in judged], dtype=np.float64)
            judgements = dict(zip(judged, self._risk.assess(matrix, logits), strict=True))
        return [self._assessment(candidate, contents[i], judgements.get(i)) for i, candidate in enumerate(candidates)]

    def _assessment(self, candidate: _Candidate, content: ContentScore, judgement: Judgement | None) -> Assessment:
        post, vector = candidate.post, candidate.vector
        flagged = judgement is not None and judgement.flagged
        return Assessment(
            platform_id=self._platform_id,
            post_id=post.post_id,
            content_hash=post.content_hash,
            account_id=post.account_id,
            event_time=post.created_at,
            synthetic_logit=_known(content.logit),
            synthetic_score=_known(content.probability),
            sections=tuple(SectionEvidence(part.start, part.end, part.logit) for part in content.sections),
            truncated=content.truncated,
            content_abstained=content.abstained,
            tampered_share=content.tampering.share,
            risk=None if judgement is None else judgement.risk,
            threshold=self._risk.threshold,
            flagged=flagged,
            families=() if judgement is None else judgement.families,
            agreeing=() if judgement is None else judgement.agreeing,
            reasons=self._reasons(vector, content) if flagged and vector is not None else (),
            features=() if vector is None else tuple(_known(value) for value in vector.values.tolist()),
            features_version=FEATURES_VERSION,
            detector_version=self._detector.manifest_hash,
            risk_version=self._risk.manifest_hash,
            graph_epoch=None if vector is None else vector.graph_epoch,
            degraded=() if vector is None else vector.degraded,
            missing=post.invalid,
        )

    def _reasons(self, vector: FeatureVector, content: ContentScore) -> tuple[Reason, ...]:
        """What raised the risk; last, without a share in it, what the score's parts say and what had been hidden."""
        told = list(self._risk.explain(vector.values, content.logit))
        if content.parts is not None:
            told.append(Reason(CONTENT, "companion", _known(content.parts.companion), 0.0, content.parts.in_words()))
        if hidden := content.tampering.in_words():
            told.append(Reason(CONTENT, "tampered_share", content.tampering.share, 0.0, hidden))
        return tuple(told)

    def _conclude(self, effects: Effects, candidate: _Candidate, assessment: Assessment) -> None:
        if candidate.repeated:
            return
        evidence = _evidence(candidate)
        if assessment.flagged:
            effects.flags.append(FlagRaised(assessment, evidence))
            effects.count("flags")
        if self._audit is None or candidate.vector is None:
            return
        draw = self._audit.draw(self._platform_id, candidate.post, flagged=assessment.flagged)
        if draw is not None:
            effects.audit_samples.append(AuditSample(assessment, evidence, draw.probability, draw.stratum))


def _values(vector: FeatureVector | None) -> np.ndarray:
    if vector is None:
        raise ValueError("a post without metadata has no feature vector")
    return vector.values


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _evidence(candidate: _Candidate) -> Evidence:
    vector = candidate.vector
    if vector is None:
        return Evidence(candidate.post.text, None, None, None)
    return Evidence(candidate.post.text, vector.address_hash, vector.device_hash, vector.key_id)
