"""Fits the models of the families and their fusion, cross-fitted by account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from moderation.features import FEATURES
from moderation.features.catalogue import COLUMN
from moderation.lab.risk.collecting import CollectedPosts
from moderation.lab.risk.recipe import Growth, Recipe
from moderation.risk.family_models import FamilyModel
from moderation.risk.fusion import Fusion, with_neutral
from moderation.risk.gate import CONTENT, FAMILIES

EVIDENCE = COLUMN["content_evidence"]
"""Column of the feature that is the score of the content family."""
RISING = frozenset({"coordination_partners_7d", "coordination_most_shared_7d"})
"""Features of which a larger value never lowers the score of the family."""
METADATA = tuple(name for name in FAMILIES if name != CONTENT)


@dataclass(frozen=True)
class Fitted:
    """The models of the families, and the neutral score of each family."""

    models: Mapping[str, FamilyModel]
    neutral: NDArray[np.float64]
    median_scores: NDArray[np.float64]
    """Median over genuine accounts of the account's median score, shape (families,)."""
    medians: NDArray[np.float64]
    """Genuine median of each feature, NaN where it never has a value; shape (f,)."""

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the family scores, shape (n, f) to (n, families)."""
        return np.column_stack([features[:, EVIDENCE], *(self.models[name].scores(features) for name in METADATA)])


def post_weights(collected: CollectedPosts) -> NDArray[np.float64]:
    """Return the weight of each post such that all accounts have equal weight, shape (n,).

    Posts that were drawn with unequal probabilities have weights that make up for it among genuine accounts and among
    those of campaigns; both keep their number of accounts as total weight.
    """
    posts = np.bincount(collected.account, minlength=len(collected.truth))
    weight: NDArray[np.float64] = 1.0 / posts[collected.account]
    if collected.drawn is None:
        return weight
    genuine = collected.genuine[collected.account]
    for side in (genuine, ~genuine):
        if side.any():
            made_up = weight[side] / collected.drawn[side]
            weight[side] = made_up * (weight[side].sum() / made_up.sum())
    return weight


def genuine_medians(collected: CollectedPosts) -> NDArray[np.float64]:
    """Return the median of each feature over genuine posts where it has a value; NaN where it never has. Shape (f,)."""
    genuine = collected.features[collected.genuine[collected.account]]
    medians = np.full(genuine.shape[1], np.nan)
    for column in range(genuine.shape[1]):
        known = genuine[~np.isnan(genuine[:, column]), column]
        if len(known):
            medians[column] = np.median(known)
    return medians


def fit_family(
    name: str, features: NDArray[np.float64], label: NDArray[np.bool_], weight: NDArray[np.float64],
    medians: NDArray[np.float64], recipe: Recipe,
) -> FamilyModel:  # fmt: skip
    """Fit one family on posts where it has any value; a missing feature takes the genuine median.

    A family that no post has gets a model with one constant score.
    """
    columns = tuple(column for column, feature in enumerate(FEATURES) if feature.family == name)
    filler = np.nan_to_num(medians[list(columns)], nan=0.0)
    own = features[:, columns]
    present = ~np.isnan(own).all(axis=1)
    rows = np.where(np.isnan(own), filler, own)[present]
    growth = recipe.family_growth
    if present.any():
        data = lgb.Dataset(rows, label=label[present], weight=weight[present], free_raw_data=True)
    else:
        data = lgb.Dataset(np.zeros((2, len(columns))), label=np.array([0, 1]), free_raw_data=True)
    rising = [int(FEATURES[column].name in RISING) for column in columns]
    parameters = {**_parameters(recipe, growth), **({"monotone_constraints": rising} if any(rising) else {})}
    return FamilyModel(name, columns, filler, lgb.train(parameters, data, growth.trees))


def cross_fitted(collected: CollectedPosts, recipe: Recipe) -> NDArray[np.float64]:
    """Return the out-of-fold family scores of each post, shape (n, families); a campaign lies in one fold."""
    medians, weight = genuine_medians(collected), post_weights(collected)
    label = ~collected.genuine[collected.account]
    fold = _folds(collected, recipe)[collected.account]
    scores = np.full((len(collected.account), len(FAMILIES)), np.nan)
    scores[:, 0] = collected.features[:, EVIDENCE]
    for number in range(recipe.folds):
        held, rest = fold == number, fold != number
        for column, name in enumerate(METADATA, start=1):
            model = fit_family(name, collected.features[rest], label[rest], weight[rest], medians, recipe)
            scores[held, column] = model.scores(collected.features[held])
    return scores


def fit_families(collected: CollectedPosts, recipe: Recipe) -> tuple[dict[str, FamilyModel], NDArray[np.float64]]:
    """Fit every metadata family on all training posts; return the models and the genuine medians, shape (f,)."""
    medians, weight = genuine_medians(collected), post_weights(collected)
    label = ~collected.genuine[collected.account]
    models = {name: fit_family(name, collected.features, label, weight, medians, recipe) for name in METADATA}
    return models, medians


def fix_neutral(models: Mapping[str, FamilyModel], medians: NDArray[np.float64], tune: CollectedPosts) -> Fitted:
    """Return the fitted models with neutral scores from the tuning accounts.

    A neutral score is at most that of the median genuine account, and at most the score of a post whose every feature
    is the genuine median.
    """
    first = Fitted(models, np.zeros(len(FAMILIES)), np.zeros(len(FAMILIES)), medians)
    scores = first.scores(tune.features)
    median_scores = np.array([account_median(tune, scores[:, column]) for column in range(len(FAMILIES))])
    of_medians = first.scores(medians[None, :])[0]
    neutral = np.fmin(median_scores, of_medians)
    return Fitted(models, neutral, median_scores, medians)


def account_median(collected: CollectedPosts, scores: NDArray[np.float64]) -> float:
    """Return the median over genuine accounts of each account's median score; 0.0 where no genuine account has one."""
    known = collected.genuine[collected.account] & ~np.isnan(scores)
    order = np.argsort(collected.account[known], kind="stable")
    accounts, values = collected.account[known][order], scores[known][order]
    if len(accounts) == 0:
        return 0.0
    parts = np.split(values, np.flatnonzero(np.diff(accounts)) + 1)
    return float(np.median([np.median(part) for part in parts]))


def fit_fusion(
    collected: CollectedPosts, scores: NDArray[np.float64], neutral: NDArray[np.float64], families: Sequence[str],
    growth: Growth, recipe: Recipe,
) -> Fusion:  # fmt: skip
    """Fit the fusion of *families* on cross-fitted *scores*, shape (n, all families), monotone in each of them.

    Families are masked at random, independently of the label, so that a missing family is neutral.
    """
    masked = scores.copy()
    rng = np.random.default_rng([recipe.seed, 3])
    rates = dict(recipe.masked)
    for column, name in enumerate(FAMILIES):
        masked[rng.random(len(masked)) < rates[name], column] = np.nan
    columns = [FAMILIES.index(name) for name in families]
    filled = with_neutral(masked[:, columns], tuple(families), neutral[columns])
    label = ~collected.genuine[collected.account]
    parameters = {**_parameters(recipe, growth), "monotone_constraints": [1] * len(columns)}
    data = lgb.Dataset(filled, label=label, weight=post_weights(collected))
    return Fusion(tuple(families), neutral[columns], lgb.train(parameters, data, growth.trees))


def _folds(collected: CollectedPosts, recipe: Recipe) -> NDArray[np.int64]:
    """Return the fold of each account, shape (m,); all accounts of a campaign share one."""
    rng = np.random.default_rng([recipe.seed, 4])
    names = sorted({truth.campaign for truth in collected.truth if truth.campaign is not None})
    of_campaign = dict(zip(names, rng.integers(recipe.folds, size=len(names)).tolist(), strict=True))
    alone = rng.integers(recipe.folds, size=len(collected.truth))
    return np.array(
        [alone[n] if t.campaign is None else of_campaign[t.campaign] for n, t in enumerate(collected.truth)],
        dtype=np.int64,
    )


def _parameters(recipe: Recipe, growth: Growth) -> dict[str, object]:
    return {
        "objective": "binary",
        "num_leaves": growth.leaves,
        "learning_rate": growth.learning_rate,
        "min_data_in_leaf": growth.least_rows,
        "lambda_l2": 1.0,
        "max_bin": 127,
        "seed": recipe.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 2,
        "verbosity": -1,
    }
