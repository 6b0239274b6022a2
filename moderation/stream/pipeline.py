"""Computes the effects of ordered events: features, scores and judgements. Pure: no I/O."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from moderation.detector import ContentScore, Detector
from moderation.effects import (
    AccountRef,
    Assessment,
    AuditSample,
    DeadLetter,
    Effects,
    Evidence,
    FlagRaised,
    LabelGiven,
    Origin,
    PostDeleted,
    Reason,
    SectionEvidence,
)
from moderation.errors import DetectorOverdue
from moderation.events import BadRecord, Deletion, Follow, Ignored, Label, Post
from moderation.features import FEATURES, FEATURES_VERSION, FeatureExtractor, FeatureVector, Observed, vectors
from moderation.features.content import CONTENT_COLUMNS
from moderation.risk import RiskModel
from moderation.risk.gate import CONTENT
from moderation.risk.judgement import Judgements
from moderation.stream.audit import AuditSampling
from moderation.stream.content_evidence import ContentEvidence, ScoredPost
from moderation.stream.ordering import Item
from moderation.stream.scoring_policy import Rule, ScoreAll, ScoringPolicy
from moderation.stream.split_scoring import SplitScoring
from moderation.stream.stages import StageTimes

NOT_SCORED = ContentScore(math.nan, math.nan, (), 0, truncated=False)
"""Stands for the score of a text that the policy does not select."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one batch.

    Where `overdue` is set, the detector did not finish one post before its deadline: effects and assessments are those
    of the items before that post, and the positions pass no item after it.
    """

    effects: Effects
    assess: tuple[Callable[[], Assessment] | None, ...]
    """Returns the assessment of each item; None where an item is not a post to assess."""
    overdue: DetectorOverdue | None = None
    scored: Mapping[Rule, int] = field(default_factory=dict)
    """Number of scored texts by rule, those of silent items included."""
    tokens: int = 0
    """Number of tokens of the scored texts."""

    @property
    def assessments(self) -> tuple[Assessment | None, ...]:
        """The assessment of each item. The stream needs those of flags and samples only, which the effects have."""
        return tuple(None if assess is None else assess() for assess in self.assess)


@dataclass
class _Candidate:
    index: int
    post: Post
    observed: Observed | None
    repeated: bool
    silent: bool
    vector: FeatureVector | None = None


@dataclass(frozen=True)
class _Assessed:
    """What was found about a candidate, from which its assessment is made where one is needed."""

    candidate: _Candidate
    content: ContentScore
    rule: Rule | None
    judgements: Judgements
    number: int | None
    """Number of the candidate in the judgements; None without metadata."""

    @property
    def flagged(self) -> bool:
        """Whether the post is flagged."""
        return self.number is not None and self.judgements.flagged[self.number]


class Pipeline:
    """The judgement of a batch. The same items in the same order give the same outcome at any time.

    `scoring` calls the detector; its `on_wait` is called between two calls. `stages` has the time of each stage.
    """

    def __init__(
        self,
        *,
        platform_id: str,
        extractor: FeatureExtractor,
        detector: Detector,
        risk: RiskModel,
        audit: AuditSampling | None = None,
        policy: ScoringPolicy | None = None,
    ) -> None:
        self._platform_id = platform_id
        self._extractor = extractor
        self._detector = detector
        self._risk = risk
        self._audit = audit
        self._policy = policy or ScoreAll()
        self._evidence = ContentEvidence(extractor, risk)
        self.scoring = SplitScoring(detector)
        self.stages = StageTimes()

    def prepare(self, items: Sequence[Item]) -> None:
        """Load the state that a batch needs. May raise ConnectionLost; prepare again then."""
        events = [item.event for item in items]
        self._extractor.prepare([event for event in events if event is not None], watched=self._policy.watches)

    def process(self, items: Sequence[Item]) -> Outcome:
        """Judge items in their order.

        Silent ones restore state and have no effects; their texts are scored too, because scores are part of the state.
        """
        with self.stages.timed("state"):
            candidates = self._observed(items)
        with self.stages.timed("features"):
            _add_vectors(candidates)
        concluded, overdue = self._assess(candidates)
        if overdue is not None:
            stuck = candidates[len(concluded)].index
            overdue = DetectorOverdue(f"{_named(items[stuck])}: {overdue}")
            done, left = items[:stuck], items[stuck:]
        else:
            done, left = items, ()
        effects = self._effects(done, left)
        assess: list[Callable[[], Assessment] | None] = [None] * len(done)
        for assessed in concluded:
            if not assessed.candidate.silent:
                assess[assessed.candidate.index] = partial(self._assessment, assessed)
                self._conclude(effects, assessed)
        scored = [assessed for assessed in concluded if assessed.rule is not None]
        rules = Counter(assessed.rule for assessed in scored if assessed.rule is not None)
        return Outcome(effects, tuple(assess), overdue, rules, sum(assessed.content.n_tokens for assessed in scored))

    def _observed(self, items: Sequence[Item]) -> list[_Candidate]:
        """Apply the items to the state and return the posts among them."""
        candidates: list[_Candidate] = []
        for index, item in enumerate(items):
            if isinstance(item.content, Post):
                candidate = self._candidate(index, item.content, silent=item.silent)
                if candidate is not None:
                    candidates.append(candidate)
            elif not isinstance(item.content, (BadRecord, Ignored)):
                self._extractor.observe(item.content)
        return candidates

    def _effects(self, done: Sequence[Item], left: Sequence[Item]) -> Effects:
        """Return the effects that need no assessment; the positions stay before every item of *left*."""
        effects = Effects()
        for item in done:
            if item.silent:
                continue
            origin, content = item.origin, item.content
            effects.positions[origin.partition] = max(effects.positions.get(origin.partition, 0), origin.offset + 1)
            if isinstance(content, BadRecord):
                effects.dead_letters.append(self._letter(origin, content))
                effects.count("dead_letters")
            elif isinstance(content, Ignored):
                effects.count("ignored")
            elif not isinstance(content, Post):
                self._note(effects, content)
        for item in left:  # posts of the same time are not in offset order
            if item.origin.partition in effects.positions:
                effects.positions[item.origin.partition] = min(
                    effects.positions[item.origin.partition], item.origin.offset
                )
        return effects

    def _candidate(self, index: int, post: Post, *, silent: bool) -> _Candidate | None:
        """Apply a post to the state and return it as a candidate; None where it adds nothing to the state."""
        if not post.judgeable:
            return None if silent else _Candidate(index, post, None, repeated=False, silent=False)
        identified = self._extractor.identify(post)
        repeated = self._extractor.seen_before(identified) == "same"
        if silent and repeated:
            return None
        return _Candidate(index, post, None if repeated else self._extractor.take(identified), repeated, silent)

    def _letter(self, origin: Origin, bad: BadRecord) -> DeadLetter:
        account = None if bad.account_id is None else AccountRef(self._platform_id, bad.account_id)
        return DeadLetter(origin, bad.stage, bad.reason, account)

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

    def _assess(self, candidates: Sequence[_Candidate]) -> tuple[list[_Assessed], DetectorOverdue | None]:
        """Return what was found about each candidate, and the error of the post where they end early."""
        judged = [i for i, candidate in enumerate(candidates) if candidate.vector is not None]
        with self.stages.timed("risk"):
            metadata = self._risk.metadata_scores(_matrix([candidates[i] for i in judged]))

        def decisive() -> list[bool]:
            found = np.zeros(len(candidates), dtype=np.bool_)
            found[judged] = self._risk.text_decides(metadata)
            return found.tolist()

        contents, overdue = self._contents(candidates, decisive)
        judged = [i for i in judged if i < len(contents)]
        some = [candidates[i] for i in judged]
        metadata = metadata[: len(judged)]
        with self.stages.timed("features"):
            self._add_content(some, [contents[i] for i in judged], metadata)
        with self.stages.timed("risk"):
            judgements = self._risk.judge(self._risk.with_content(metadata, _matrix(some)))
        number_of = {i: number for number, i in enumerate(judged)}
        return [
            _Assessed(candidate, *content, judgements, number_of.get(i))
            for i, (candidate, content) in enumerate(zip(candidates, contents, strict=False))
        ], overdue

    def _add_content(
        self,
        candidates: Sequence[_Candidate],
        contents: Sequence[tuple[ContentScore, Rule | None]],
        metadata: np.ndarray,
    ) -> None:
        """Add the content features to the vectors, in the order of posts."""
        posts = []
        for candidate, content in zip(candidates, contents, strict=True):
            if candidate.observed is None:
                raise ValueError("a post without metadata has no scores of its account")
            posts.append(ScoredPost(candidate.observed.identified, *content))
        for candidate, row in zip(candidates, self._evidence.features(posts, metadata), strict=True):
            _values(candidate.vector)[list(CONTENT_COLUMNS)] = row

    def _contents(
        self, candidates: Sequence[_Candidate], decisive: Callable[[], list[bool]]
    ) -> tuple[list[tuple[ContentScore, Rule | None]], DetectorOverdue | None]:
        """Return score and rule of each candidate, up to one that the detector did not finish."""
        posts = [candidate.post for candidate in candidates]
        rules = self._policy.rules(posts, [candidate.observed for candidate in candidates], decisive)
        chosen = [i for i, rule in enumerate(rules) if rule is not None]
        scores, overdue = self.scoring.score([posts[i].text for i in chosen], [posts[i].lang for i in chosen])
        end = len(candidates) if overdue is None else chosen[len(scores)]
        scored = dict(zip(chosen, scores, strict=False))
        return [(scored.get(i, NOT_SCORED), rules[i]) for i in range(end)], overdue

    def _assessment(self, assessed: _Assessed) -> Assessment:
        candidate, content = assessed.candidate, assessed.content
        post, vector = candidate.post, candidate.vector
        judgement = None if assessed.number is None else assessed.judgements[assessed.number]
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
            content_abstained="not_selected" if assessed.rule is None else content.abstained,
            scored_by=assessed.rule,
            tampered_share=content.tampering.share,
            risk=None if judgement is None else judgement.risk,
            threshold=self._risk.threshold,
            flagged=assessed.flagged,
            families=() if judgement is None else judgement.families,
            agreeing=() if judgement is None else judgement.agreeing,
            reasons=self._reasons(vector, content) if assessed.flagged and vector is not None else (),
            features=() if vector is None else tuple(_known(value) for value in vector.values.tolist()),
            features_version=FEATURES_VERSION,
            detector_version=self._detector.manifest_hash,
            risk_version=self._risk.manifest_hash,
            graph_epoch=None if vector is None else vector.graph_epoch,
            degraded=() if vector is None else vector.degraded,
            missing=post.invalid,
        )

    def _reasons(self, vector: FeatureVector, content: ContentScore) -> tuple[Reason, ...]:
        """Return the reasons for the risk; last, without a contribution, the hidden characters of the text."""
        reasons = list(self._risk.explain(vector.values))
        if hidden := content.tampering.in_words():
            reasons.append(Reason(CONTENT, "tampered_share", content.tampering.share, 0.0, hidden))
        return tuple(reasons)

    def _conclude(self, effects: Effects, assessed: _Assessed) -> None:
        candidate, flagged = assessed.candidate, assessed.flagged
        effects.count("posts")
        if assessed.rule is not None:
            effects.count("texts_scored")
        for name in candidate.post.invalid:
            effects.count(f"invalid:{name}")
        if candidate.repeated:
            effects.count("posts_repeated")
            return
        if candidate.vector is None:
            effects.count("posts_without_metadata")
            if candidate.post.account_id is None:
                effects.count("posts_without_account")
            if candidate.post.created_at is None:
                effects.count("posts_without_time")
            return
        draw = None
        if self._audit is not None:
            draw = self._audit.draw(self._platform_id, candidate.post, flagged=flagged)
        if not flagged and draw is None:
            return
        assessment, evidence = self._assessment(assessed), _evidence(candidate)
        if flagged:
            author, followed = candidate.post.account, self._extractor.followed(candidate.post)
            followers = None if author is None else author.followers
            effects.flags.append(FlagRaised(assessment, evidence, followers, followed))
            effects.count("flags")
        if draw is not None:
            effects.audit_samples.append(AuditSample(assessment, evidence, draw.probability, draw.stratum))


def _add_vectors(candidates: Sequence[_Candidate]) -> None:
    """Compute the vectors of all observed posts together."""
    observed = [(candidate, candidate.observed) for candidate in candidates if candidate.observed is not None]
    for (candidate, _), vector in zip(observed, vectors([one for _, one in observed]), strict=True):
        candidate.vector = vector


def _named(item: Item) -> str:
    """Return the origin of a record: topic or file, partition and offset."""
    origin = item.origin
    return f"{origin.partition.topic}/{origin.partition.partition} at offset {origin.offset}"


def _matrix(candidates: Sequence[_Candidate]) -> np.ndarray:
    """Return the vectors of candidates, shape (n, f)."""
    rows = [_values(candidate.vector) for candidate in candidates]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))


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
