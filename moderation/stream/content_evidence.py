"""Adds the scores of texts to those of their accounts and communities, and returns the content features of posts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from moderation.detector import ContentScore
from moderation.features import FeatureExtractor
from moderation.features.content import CommunityBaselines, ContentBaseline, content_features
from moderation.features.extractor import Identified
from moderation.risk import RiskModel
from moderation.state.score_history import OwnScores
from moderation.stream.scoring_policy import EVIDENCE, UNBIASED, Rule, settled


class ScoredPost(NamedTuple):
    """A post with the score of its text, and why it was scored; None where it was not."""

    identified: Identified
    content: ContentScore
    rule: Rule | None


class ContentWindows(NamedTuple):
    """The scores of the account of each post, up to this one, and the excess of its community."""

    scores: list[OwnScores]
    excesses: list[float]

    def features(self, baseline: ContentBaseline) -> NDArray[np.float64]:
        """Return the content features of the posts, compared to a baseline, shape (posts, columns)."""
        return content_features(self.scores, self.excesses, baseline)


class ContentEvidence:
    """The evidence of the texts of accounts, relative to their communities."""

    def __init__(self, extractor: FeatureExtractor, risk: RiskModel) -> None:
        self._extractor = extractor
        self._risk = risk
        self._communities = CommunityBaselines(risk.content_baseline)

    def windows(self, posts: Sequence[ScoredPost], metadata: NDArray[np.float64]) -> ContentWindows:
        """Add the scores to those of accounts and communities in order; return what the content features are read from.

        A text that was scored only for a sample is no evidence, because the certificate does not count it. For the
        baselines of later days count settled accounts with usual metadata scores, shape (n, families), and no text
        that was scored because its account is unusual.
        """
        windows, excesses = [], []
        usual = self._risk.usual(metadata).tolist()
        for (identified, content, rule), is_usual in zip(posts, usual, strict=True):
            excess = self._extractor.excess(identified, self._communities)
            known = not math.isnan(content.logit)
            if known and rule in EVIDENCE:
                self._extractor.add_score(identified, logit=content.logit, n_tokens=content.n_tokens, excess=excess)
            if known and rule in UNBIASED and is_usual and settled(identified.post):
                self._extractor.add_vote(identified, logit=content.logit, n_tokens=content.n_tokens)
            windows.append(self._extractor.own_scores(identified))
            excesses.append(excess)
        self._extractor.forget_scores()
        return ContentWindows(windows, excesses)
