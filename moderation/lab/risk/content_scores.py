"""Scores every distinct text once with the detector, and derives the content features of simulated posts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from moderation.detector import Detector
from moderation.errors import InputError
from moderation.features.catalogue import COLUMN
from moderation.features.content import CONTENT_COLUMNS, CommunityBaselines, ContentBaseline, content_features
from moderation.lab.risk.collecting import CollectedPosts
from moderation.state.community_votes import MOST_VOTES, VOTING_DAYS, Votes
from moderation.state.coverage import DAY_MS
from moderation.state.score_history import OwnScores, ScoreHistory, packed, packed_post, unpacked
from moderation.stream.scoring_policy import VOTING_AGE_DAYS, in_baseline

Scores = Mapping[str, tuple[float, int]]
"""Logit and number of tokens of each text; the logit is NaN where the detector abstained."""
_AT_A_TIME = 256
_KNOTS = tuple(float(octave) for octave in range(1, 8))
_LEAST_TEXTS = 50
_LEAST_SPREAD = 0.2
_EXCUSED_QUANTILE = 0.95
_WITHOUT_BASELINE = 0.25
"""Share of the communities that are new: without a baseline, as for two days after the start of a sidecar."""


def score_texts(
    detector: Detector,
    texts: Iterable[str],
    score_of: dict[str, tuple[float, int]],
    advance: Callable[[int], None] = lambda _n: None,
) -> None:
    """Add the scores of *texts* to *score_of*; texts that it already contains are not scored."""
    new = sorted(set(texts) - score_of.keys(), key=lambda text: (len(text), text))
    for begin in range(0, len(new), _AT_A_TIME):
        batch = new[begin : begin + _AT_A_TIME]
        for text, score in zip(batch, detector.score(batch), strict=True):
            score_of[text] = score.logit, score.n_tokens
        advance(len(batch))


def fit_baseline(collected: CollectedPosts, score_of: Scores) -> ContentBaseline:
    """Return median and spread of the scores of genuine posts by length, and the correlation of a person's texts.

    One correlation is that of residuals without the excess of their communities. Each knot is from texts within half an
    octave. Raises InputError where no genuine text has a score.
    """
    genuine = collected.genuine[collected.account] & _has_score(collected, score_of)
    if not genuine.any():
        raise InputError("The detector scored no text of a genuine account: give texts in a language that it reads.")
    own = unpacked(_words(collected, score_of, genuine))
    knots, medians, spreads = [], [], []
    for knot in _KNOTS:
        near = own.logits[np.abs(own.tokens_log2 - knot) <= 0.5]
        if len(near) >= _LEAST_TEXTS:
            low, middle, high = np.quantile(near, (0.16, 0.5, 0.84))
            knots.append(knot)
            medians.append(float(middle))
            spreads.append(max(float(high - low) / 2, _LEAST_SPREAD))
    if not knots:
        knots, medians = [0.0], [float(np.median(own.logits))]
        spreads = [max(float(np.std(own.logits)), _LEAST_SPREAD)]
    marginal = ContentBaseline(tuple(knots), tuple(medians), tuple(spreads), 0.0, 0.0, 0.0)
    residuals, accounts = marginal.residuals(own), collected.account[genuine]
    alone = _correlation(residuals, accounts)
    most = max(0.0, float(np.quantile(residuals, _EXCUSED_QUANTILE)))
    excused = replace(marginal, correlation_alone=alone, most_excused=most)
    rest = residuals - community_excesses(collected, score_of, excused)[genuine]
    known = ~np.isnan(rest)
    return replace(excused, correlation=_correlation(rest[known], accounts[known]) if known.any() else alone)


def community_excesses(
    collected: CollectedPosts, score_of: Scores, baseline: ContentBaseline, *, sampled: bool = False
) -> NDArray[np.float64]:
    """Return by how much the community of each post scores above human texts, shape (n,); NaN with too few accounts.

    The baselines are those of the time before the campaigns began: of the genuine accounts of the platform, except the
    account's own; with *sampled* of the accounts and days only that the selective policy scores for them.
    """
    baselines, votes = CommunityBaselines(baseline), _votes(collected, score_of, sampled=sampled)
    pairs, place = np.unique(np.stack([collected.community, collected.account]), axis=1, return_inverse=True)
    found = [baselines.excess(number, votes.get(number), account) for number, account in pairs.T.tolist()]
    return np.array(found, dtype=np.float64)[place.ravel()]


def _votes(collected: CollectedPosts, score_of: Scores, *, sampled: bool) -> dict[int, Votes]:
    """Return the first scored text of genuine accounts in each community, as many as a sample of 14 days has."""
    old = collected.features[:, COLUMN["account_age_days"]] >= VOTING_AGE_DAYS
    voting = _has_score(collected, score_of) & old & collected.genuine[collected.account]
    if sampled:
        drawn = zip(collected.account.tolist(), (collected.at_ms // DAY_MS).tolist(), strict=True)
        voting &= np.array([in_baseline(account, day) for account, day in drawn], dtype=np.bool_)
    rows = np.flatnonzero(voting)
    order = rows[np.lexsort((rows, collected.account[rows], collected.community[rows]))]
    pairs = np.stack([collected.community[order], collected.account[order]])
    _, first = np.unique(pairs, axis=1, return_index=True)
    rng, most, votes = np.random.default_rng(0), VOTING_DAYS * MOST_VOTES, {}
    for number in np.unique(pairs[0]).tolist():
        if rng.random() < _WITHOUT_BASELINE:
            continue
        own = order[first[pairs[0][first] == number]]
        if len(own) > most:
            own = own[np.sort(rng.choice(len(own), most, replace=False))]
        scores = [score_of[collected.texts[text]] for text in collected.text[own].tolist()]
        found = unpacked([(packed(0, logit, n_tokens), 0) for logit, n_tokens in scores])
        votes[number] = Votes(collected.account[own].astype(np.uint64), found)
    return votes


def _correlation(residuals: NDArray[np.float64], account: NDArray[np.int64]) -> float:
    """Return the intraclass correlation of *residuals* within accounts, both of shape (n,).

    Source: Shrout and Fleiss, "Intraclass correlations: uses in assessing rater reliability", Psychological Bulletin 86
    (1979), ICC(1) of one-way analysis of variance, with the adjusted size for accounts of different numbers of texts.
    """
    _, numbered, sizes = np.unique(account, return_inverse=True, return_counts=True)
    if len(sizes) < 2 or len(sizes) == len(residuals):
        return 0.0
    means = np.bincount(numbered, residuals) / sizes
    between = float(np.sum(sizes * (means - residuals.mean()) ** 2)) / (len(sizes) - 1)
    within = float(np.sum((residuals - means[numbered]) ** 2)) / (len(residuals) - len(sizes))
    size = (len(residuals) - float(np.sum(sizes**2)) / len(residuals)) / (len(sizes) - 1)
    return float(np.clip((between - within) / (between + (size - 1) * within), 0.0, 1.0))


def with_content(
    collected: CollectedPosts, score_of: Scores, baseline: ContentBaseline, scored: NDArray[np.bool_] | None = None
) -> CollectedPosts:
    """Return the posts with their content features; *scored*, shape (n,), is False for texts that are not scored."""
    history = ScoreHistory(evicts=False)
    excesses = community_excesses(collected, score_of, baseline, sampled=scored is not None)
    windows: list[OwnScores] = []
    chosen = np.ones(len(collected.account), dtype=np.bool_) if scored is None else scored
    rows = zip(
        collected.account.tolist(), collected.text.tolist(), collected.at_ms.tolist(), chosen.tolist(), strict=True
    )
    for post, (account, text, at_ms, is_chosen) in enumerate(rows):
        logit, n_tokens = score_of[collected.texts[text]]
        if is_chosen and not np.isnan(logit):
            history.add(account, packed(at_ms, logit, n_tokens), packed_post(post, float(excesses[post])))
        windows.append(history.window(account, at_ms))
    features = collected.features.copy()
    features[:, CONTENT_COLUMNS] = content_features(windows, excesses.tolist(), baseline)
    return replace(collected, features=features)


def _has_score(collected: CollectedPosts, score_of: Scores) -> NDArray[np.bool_]:
    """Return whether the detector scored the text of each post, shape (n,)."""
    return np.array([not np.isnan(score_of[collected.texts[n]][0]) for n in collected.text.tolist()], dtype=np.bool_)


def _words(collected: CollectedPosts, score_of: Scores, chosen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the packed scores of the chosen posts that have one, as the state stores them."""
    scores = (score_of[collected.texts[number]] for number in collected.text[chosen].tolist())
    return [(packed(0, logit, n_tokens), 0) for logit, n_tokens in scores if not np.isnan(logit)]
