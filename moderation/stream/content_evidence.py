"""Adds the scores of texts to those of their accounts and communities, and returns the content features of posts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from moderation.detector import ContentScore
from moderation.features import FeatureExtractor
from moderation.features.content import CommunityBaselines, content_features
from moderation.features.extractor import Identified
from moderation.risk import RiskModel
from moderation.stream.scoring_policy import EVIDENCE, UNBIASED, VOTING_AGE_DAYS, Rule, age_days


class ScoredPost(NamedTuple):
    """A post with the score of its text, and why it was scored; None where it was not."""

    identified: Identified
    content: ContentScore
    rule: Rule | None


class ContentEvidence:
    """The evidence of the texts of accounts, relative to their communities."""

    def __init__(self, extractor: FeatureExtractor, risk: RiskModel) -> None:
        self._extractor = extractor
        self._risk = risk
        self._communities = CommunityBaselines(risk.content_baseline)

    def features(self, posts: Sequence[ScoredPost]) -> NDArray[np.float64]:
        """Add the scores to those of the accounts in order; return the content features, shape (n, columns).

        A text that was scored only for a sample is no evidence, because the certificate does not count it.
        """
        windows, excesses = [], []
        for identified, content, rule in posts:
            excesses.append(self._extractor.excess(identified, self._communities))
            if rule in EVIDENCE and not math.isnan(content.logit):
                logit = self._communities.adjusted(content.logit, content.n_tokens, excesses[-1])
                self._extractor.add_score(identified, logit=logit, n_tokens=content.n_tokens)
            windows.append(self._extractor.own_scores(identified))
        self._extractor.forget_scores()
        return content_features(windows, excesses, self._risk.content_baseline)

    def add_votes(self, posts: Sequence[ScoredPost], metadata: NDArray[np.float64]) -> None:
        """Add the scores to those of the communities, for the baselines of later days.

        Only settled accounts with usual metadata scores, shape (n, families), count, and no text that was scored
        because its account is unusual.
        """
        usual = self._risk.usual(metadata).tolist()
        for (identified, content, rule), is_usual in zip(posts, usual, strict=True):
            voting = is_usual and rule in UNBIASED and not math.isnan(content.logit)
            if voting and age_days(identified.post) >= VOTING_AGE_DAYS:
                self._extractor.add_vote(identified, logit=content.logit, n_tokens=content.n_tokens)
