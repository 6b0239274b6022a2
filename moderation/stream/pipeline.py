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
    FlagRaised,
    LabelGiven,
    Origin,
    PostDeleted,
)
from moderation.errors import DetectorOverdue
from moderation.events import BadRecord, Deletion, Follow, Ignored, Label, Post
from moderation.features import FEATURES, FeatureExtractor, FeatureVector, vectors
from moderation.features.content import CONTENT_COLUMNS
from moderation.risk import RiskModel
from moderation.stream.assessing import Assessed, Assessor, Candidate, Judged, evidence_of
from moderation.stream.audit import AuditSampling
from moderation.stream.content_evidence import ContentEvidence, ContentWindows, ScoredPost
from moderation.stream.ordering import Item
from moderation.stream.scoring_policy import Rule, ScoreAll, ScoringPolicy
from moderation.stream.split_scoring import SplitScoring
from moderation.stream.stages import StageTimes
from moderation.stream.trial import TrialModel

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
        trial: TrialModel | None = None,
    ) -> None:
        self._platform_id = platform_id
        self._extractor = extractor
        self._risk = risk
        self._trial = trial
        self._assessor = Assessor(platform_id, detector.manifest_hash, risk)
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

    def _observed(self, items: Sequence[Item]) -> list[Candidate]:
        """Apply the items to the state and return the posts among them."""
        candidates: list[Candidate] = []
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

    def _candidate(self, index: int, post: Post, *, silent: bool) -> Candidate | None:
        """Apply a post to the state and return it as a candidate; None where it adds nothing to the state."""
        if not post.judgeable:
            return None if silent else Candidate(index, post, None, repeated=False, silent=False)
        identified = self._extractor.identify(post)
        repeated = self._extractor.seen_before(identified) == "same"
        if silent and repeated:
            return None
        return Candidate(index, post, None if repeated else self._extractor.take(identified), repeated, silent)

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

    def _assess(self, candidates: Sequence[Candidate]) -> tuple[list[Assessed], DetectorOverdue | None]:
        """Return what was found about each candidate, and the error of the post where they end early."""
        judged = [i for i, candidate in enumerate(candidates) if candidate.vector is not None]
        with self.stages.timed("risk"):
            metadata = self._risk.metadata_scores(_matrix([candidates[i] for i in judged]))

        def decisive() -> list[bool]:
            found = np.zeros(len(candidates), dtype=np.bool_)
            found[judged] = self._risk.text_decides(metadata)
            if self._trial is not None:
                found[judged] |= self._trial.text_decides(_matrix([candidates[i] for i in judged]))
            return found.tolist()

        contents, overdue = self._contents(candidates, decisive)
        judged = [i for i in judged if i < len(contents)]
        some = [candidates[i] for i in judged]
        metadata = metadata[: len(judged)]
        with self.stages.timed("features"):
            windows = self._windows(some, [contents[i] for i in judged], metadata)
        with self.stages.timed("risk"):
            found = dict(zip(judged, self._judged(some, windows, metadata), strict=True))
        return [
            Assessed(candidate, *content, *found.get(i, (None, None)))
            for i, (candidate, content) in enumerate(zip(candidates, contents, strict=False))
        ], overdue

    def _windows(
        self,
        candidates: Sequence[Candidate],
        contents: Sequence[tuple[ContentScore, Rule | None]],
        metadata: np.ndarray,
    ) -> ContentWindows:
        """Add the scores to the state, in the order of posts; return the scores of their accounts."""
        posts = []
        for candidate, content in zip(candidates, contents, strict=True):
            if candidate.observed is None:
                raise ValueError("a post without metadata has no scores of its account")
            posts.append(ScoredPost(candidate.observed.identified, *content))
        return self._evidence.windows(posts, metadata)

    def _judged(
        self, candidates: Sequence[Candidate], windows: ContentWindows, metadata: np.ndarray
    ) -> list[tuple[Judged, Judged | None]]:
        """Return the judgement of each candidate by the model that decides, and by the other one."""
        live = self._judged_by(self._risk, candidates, windows, metadata)
        if self._trial is None:
            return [(one, None) for one in live]
        risk = self._trial.risk
        tried = self._judged_by(risk, candidates, windows, risk.metadata_scores(_matrix(candidates)))
        decides = [self._trial.decides(self._platform_id, one.post.account_id or "") for one in candidates]
        pairs = zip(live, tried, decides, strict=True)
        return [(other, one) if by_trial else (one, other) for one, other, by_trial in pairs]

    @staticmethod
    def _judged_by(
        risk: RiskModel, candidates: Sequence[Candidate], windows: ContentWindows, metadata: np.ndarray
    ) -> list[Judged]:
        rows = _matrix(candidates)
        rows[:, list(CONTENT_COLUMNS)] = windows.features(risk.content_baseline)
        judgements = risk.judge(risk.with_content(metadata, rows))
        return [
            Judged(risk, judgements, number, _vector(candidate)._replace(values=row))
            for number, (candidate, row) in enumerate(zip(candidates, rows, strict=True))
        ]

    def _contents(
        self, candidates: Sequence[Candidate], decisive: Callable[[], list[bool]]
    ) -> tuple[list[tuple[ContentScore, Rule | None]], DetectorOverdue | None]:
        """Return score and rule of each candidate, up to one that the detector did not finish."""
        posts = [candidate.post for candidate in candidates]
        rules = self._policy.rules(posts, [candidate.observed for candidate in candidates], decisive)
        chosen = [i for i, rule in enumerate(rules) if rule is not None]
        scores, overdue = self.scoring.score([posts[i].text for i in chosen], [posts[i].lang for i in chosen])
        end = len(candidates) if overdue is None else chosen[len(scores)]
        scored = dict(zip(chosen, scores, strict=False))
        return [(scored.get(i, NOT_SCORED), rules[i]) for i in range(end)], overdue

    def _conclude(self, effects: Effects, assessed: Assessed) -> None:
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
        if assessed.beside is not None and (flagged or assessed.beside.flagged):
            self._note_beside(effects, assessed, assessed.beside)
        draw = None
        if self._audit is not None:
            draw = self._audit.draw(self._platform_id, candidate.post, flagged=flagged)
        if not flagged and draw is None:
            return
        assessment, evidence = self._assessment(assessed), evidence_of(assessed)
        if flagged:
            author, followed = candidate.post.account, self._extractor.followed(candidate.post)
            followers = None if author is None else author.followers
            effects.flags.append(FlagRaised(assessment, evidence, followers, followed))
            effects.count("flags")
        if draw is not None:
            effects.audit_samples.append(AuditSample(assessment, evidence, draw.probability, draw.stratum))

    def _assessment(self, assessed: Assessed) -> Assessment:
        return self._assessor.assessment(assessed, assessed.judged, explained=assessed.flagged)

    def _note_beside(self, effects: Effects, assessed: Assessed, beside: Judged) -> None:
        """Note what both models say about a post that one of them flags, once for each account and answer."""
        live = beside if assessed.judged is not None and assessed.judged.risk is not self._risk else assessed.judged
        both = assessed.flagged and beside.flagged
        who = "both" if both else "live" if live is not None and live.flagged else "trial"
        effects.count(f"flagged_by_{who}")
        account = assessed.candidate.post.account_id
        if self._trial is None or account is None or not self._trial.is_first(account, who):
            return
        effects.compared.append(self._assessor.assessment(assessed, beside, explained=False))
        if not assessed.flagged:
            effects.compared.append(self._assessment(assessed))


def _add_vectors(candidates: Sequence[Candidate]) -> None:
    """Compute the vectors of all observed posts together."""
    observed = [(candidate, candidate.observed) for candidate in candidates if candidate.observed is not None]
    for (candidate, _), vector in zip(observed, vectors([one for _, one in observed]), strict=True):
        candidate.vector = vector


def _named(item: Item) -> str:
    """Return the origin of a record: topic or file, partition and offset."""
    origin = item.origin
    return f"{origin.partition.topic}/{origin.partition.partition} at offset {origin.offset}"


def _matrix(candidates: Sequence[Candidate]) -> np.ndarray:
    """Return the vectors of candidates, shape (n, f)."""
    rows = [_vector(candidate).values for candidate in candidates]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))


def _vector(candidate: Candidate) -> FeatureVector:
    if candidate.vector is None:
        raise ValueError("a post without metadata has no feature vector")
    return candidate.vector
