"""Missing values are neutral, and no typing lowers the risk; also for the shipped bundle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from moderation.lab.risk.fitting import RISING
from moderation.risk.model import BundledRiskModel

POSTS = 48
SOME = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(0, 2**32 - 1)


def any_posts(model: BundledRiskModel, seed: int) -> NDArray[np.float64]:
    """Features of any size, usual or absurd, with single values and whole families missing."""
    rng = np.random.default_rng(seed)
    medians = np.array([feature.genuine_median or 0.0 for feature in model.manifest.features])
    scale = 10.0 ** rng.uniform(-2, 4, (POSTS, len(medians)))
    usual = medians * rng.lognormal(0.0, 0.7, scale.shape)
    features = np.where(rng.random(scale.shape) < 0.5, usual, rng.normal(0.0, 1.0, scale.shape) * scale)
    features[rng.random(features.shape) < 0.15] = np.nan
    for name in model.fusion.families:
        features[np.ix_(rng.random(POSTS) < 0.2, columns(model, name))] = np.nan
    content = columns(model, "content")  # known together or missing together
    features[np.ix_(np.isnan(features[:, content]).any(axis=1), content)] = np.nan
    return features


def columns(model: BundledRiskModel, family: str) -> list[int]:
    return [column for column, feature in enumerate(model.manifest.features) if feature.family == family]


def risks(model: BundledRiskModel, features: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([judgement.risk for judgement in model.assess(features)])


@SOME
@given(seed=SEEDS)
@pytest.mark.parametrize("family", ["content", "typing", "network", "graph", "account"])
def test_masking_a_family_never_gives_a_higher_risk_than_genuine_medians(
    model: BundledRiskModel, family: str, seed: int
) -> None:
    features = any_posts(model, seed)
    own = columns(model, family)
    masked, usual = features.copy(), features.copy()
    masked[:, own] = np.nan
    usual[:, own] = [model.manifest.features[column].genuine_median or 0.0 for column in own]
    assert (risks(model, masked) <= risks(model, usual)).all()


@SOME
@given(seed=SEEDS)
def test_masking_any_family_never_gives_a_higher_risk_than_a_median_genuine_score(
    model: BundledRiskModel, seed: int
) -> None:
    scores = model.family_scores(any_posts(model, seed))
    for column, family in enumerate(model.manifest.families):
        masked, usual = scores.copy(), scores.copy()
        masked[:, column] = np.nan
        usual[:, column] = family.median_score
        assert (model.fusion.risks(masked) <= model.fusion.risks(usual)).all(), family.name


@SOME
@given(seed=SEEDS)
def test_typing_never_lowers_the_risk_below_missing(model: BundledRiskModel, seed: int) -> None:
    features = any_posts(model, seed)
    masked = features.copy()
    masked[:, columns(model, "typing")] = np.nan
    assert (risks(model, features) >= risks(model, masked)).all()


@SOME
@given(seed=SEEDS)
def test_missing_value_equals_the_genuine_median(model: BundledRiskModel, seed: int) -> None:
    features = any_posts(model, seed)
    several = [n for n, feature in enumerate(model.manifest.features) if feature.family != "content"]
    column = several[seed % len(several)]
    family = columns(model, model.manifest.features[column].family)
    others = [other for other in family if other != column]
    features[:, others] = np.where(np.isnan(features[:, others]), 1.0, features[:, others])
    missing, usual = features.copy(), features.copy()
    missing[:, column] = np.nan
    usual[:, column] = model.manifest.features[column].genuine_median or 0.0
    assert risks(model, missing).tolist() == risks(model, usual).tolist()


@SOME
@given(seed=SEEDS)
def test_risk_is_monotone_in_the_evidence_of_texts(model: BundledRiskModel, seed: int) -> None:
    features = any_posts(model, seed)
    column = [feature.name for feature in model.manifest.features].index("content_evidence")
    higher = features.copy()
    higher[:, column] += 1.5
    assert (risks(model, higher) >= risks(model, features))[~np.isnan(features[:, column])].all()


def test_content_alone_is_never_flagged(model: BundledRiskModel) -> None:
    posts = np.full((3, len(model.manifest.features)), np.nan)
    posts[1:, columns(model, "content")] = np.array([[-50.0], [50.0]])
    for judged in model.assess(posts):
        assert not judged.flagged
        assert set(judged.agreeing) <= {"content"}
        assert all(family.score is None for family in judged.families if family.family != "content")


def test_features_that_only_raise_suspicion_never_lower_the_score_of_their_family(model: BundledRiskModel) -> None:
    known = {named.name: (column, named.family) for column, named in enumerate(model.manifest.features)}
    rising = sorted(RISING & known.keys())
    assert {"coordination_partners_7d", "coordination_most_shared_7d"} <= set(rising)
    for name in rising:
        column, family = known[name]
        rows = any_posts(model, 5)[:20]
        before = np.full(len(rows), -np.inf)
        for value in (-3.0, 0.0, 1.0, 2.0, 5.0, 8.0, 40.0, 500.0):
            rows[:, model.columns[column]] = value
            scores = model.metadata_scores(rows)[:, model.fusion.families.index(family)]
            assert (scores >= before).all(), name
            before = scores
