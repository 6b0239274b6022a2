"""Judgements: the gate, independence of rows and explanations."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from moderation.features import FEATURES
from moderation.risk.certificate import one_in
from moderation.risk.gate import gate_opens
from moderation.risk.manifest import NamedFeature
from moderation.risk.model import BundledRiskModel
from moderation.risk.phrases import PHRASES, inside, sentence
from moderation.risk.smallest_change import SMALLEST_CHANGE
from tests.unit.risk.test_neutrality import any_posts


def test_a_flag_needs_a_risk_above_the_threshold_and_an_open_gate(model: BundledRiskModel) -> None:
    for seed in range(6):
        for judged in model.assess(any_posts(model, seed)):
            assert judged.flagged == (judged.risk > model.threshold and gate_opens(judged.agreeing))
            assert 0.0 < judged.risk < 1.0
            p_values = {f.family: f.p_value for f in judged.families if f.p_value is not None}
            agreeing = tuple(name for name, p_value in p_values.items() if p_value <= model.manifest.p_family)
            assert judged.agreeing == agreeing


def test_judgement_is_independent_of_the_batch(model: BundledRiskModel) -> None:
    features = any_posts(model, 3)
    assert model.assess(features) == [model.assess(features[n : n + 1])[0] for n in range(len(features))]
    assert model.assess(features[:0]) == []


def test_wrong_shapes_are_refused(model: BundledRiskModel) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        model.assess(np.zeros((1, 3)))


def test_reasons_exclude_missing_values(model: BundledRiskModel) -> None:
    found = 0
    for row in any_posts(model, 4)[:8]:
        known = {f.name for f, value in zip(model.manifest.features, row, strict=True) if not np.isnan(value)}
        for reason in model.explain(row):
            found += 1
            if reason.feature == SMALLEST_CHANGE:
                assert reason.contribution == 0
                continue
            assert reason.feature in known
            assert reason.contribution > 0
            assert reason.value is not None
            assert not reason.sentence[0].islower()
            assert reason.sentence.endswith(".")
            assert "nan" not in reason.sentence.lower().split()
    assert found


def feature(**changes: Any) -> NamedFeature:
    """A feature that no phrase names, unless *changes* has another name."""
    values = {"version": 1, "name": "f", "family": "graph", "unit": "count", "meaning": "what it is"}
    usual = {"genuine_median": 0, "genuine_low": 0, "genuine_high": 0}
    return NamedFeature(**(values | usual | changes))


@pytest.mark.parametrize(
    ("unit", "value", "shown"),
    [
        ("ln", -1.74, "0.176 times"),
        ("log2", 3.0, "8 times"),
        ("log2", 1e6, "1,099,511,627,776 times"),
        ("share", 0.054, "5.4 %"),
        ("0/1", 1.0, "yes"),
        ("1/s", 21.34, "21.3 per second"),
        ("count", 1234.0, "1,234"),
        ("ms", 40.0, "40 ms"),
    ],
)
def test_reason_formats_its_value(unit: str, value: float, shown: str) -> None:
    assert sentence(feature(unit=unit), value).startswith(f"What it is: {shown}; for genuine accounts nearly always ")


@pytest.mark.parametrize(
    ("changes", "value", "words"),
    [
        ({"genuine_high": 4}, 9.0, "What it is: 9; genuine accounts rarely exceed 4."),
        ({"genuine_low": 2, "genuine_high": 4}, 1.0, "What it is: 1; genuine accounts are rarely below 2."),
        ({"genuine_low": 2, "genuine_high": 4}, 3.0, "What it is: 3; usual for genuine accounts: 2 to 4."),
        ({"genuine_low": None}, 3.0, "What it is: 3."),
        ({"unit": "0/1", "genuine_high": 1}, 0.0, "What it is: no; both are usual for genuine accounts."),
        (
            {"name": "network_accounts_1h", "genuine_low": 1, "genuine_high": 4},
            1.0,
            "1 account posted from its address in the last hour; usual for genuine accounts: 1 to 4.",
        ),
        (
            {"name": "typing_interval_cv", "unit": "1", "genuine_low": 0.44, "genuine_high": 2.7},
            0.1,
            "The pauses between key presses vary by 10 % of their mean; genuine accounts are rarely below 44 %.",
        ),
        (
            {"name": "account_follow_ratio", "unit": "ln", "genuine_high": 2},
            -math.log(100),  # no follower, and 99 followed: (0 + 1) / (99 + 1)
            (
                "The number of its followers, plus one, was 0.01 times the number of accounts that it follows, "
                "plus one; genuine accounts are rarely below 1."
            ),
        ),
    ],
)
def test_reason_is_one_plain_sentence_with_what_is_usual(changes: dict[str, Any], value: float, words: str) -> None:
    assert sentence(feature(**changes), value) == words


def test_every_feature_has_a_phrase() -> None:
    assert {known.name for known in FEATURES if known.family != "content"} == set(PHRASES)


def test_a_value_inside_its_usual_range_is_a_reason_only_for_the_family(model: BundledRiskModel) -> None:
    named = {one.name: one for one in model.manifest.features}
    seen = 0
    for seed in range(6):
        for row in any_posts(model, seed)[:8]:
            reasons = model.explain(row)
            total = sum(reason.contribution for reason in reasons)
            for reason in reasons:
                if reason.family == "content" or reason.value is None or reason.feature == SMALLEST_CHANGE:
                    continue
                seen += 1
                if inside(named[reason.feature], reason.value):
                    assert reason.contribution >= 0.05 * total
                    assert reason.sentence.startswith("No single value about")
                else:
                    assert "usual for genuine accounts:" not in reason.sentence
    assert seen


@pytest.mark.parametrize(
    ("rate", "words"), [(6.30e-5, "1 in 15,800"), (1e-4, "1 in 10,000"), (0.03, "1 in 33"), (0.7, "70%")]
)
def test_one_in_never_claims_a_lower_rate(rate: float, words: str) -> None:
    assert one_in(rate) == words


def test_content_agrees_only_where_it_is_unusual_in_every_group_of_writers(model: BundledRiskModel) -> None:
    column = model.fusion.families.index("content")
    scores = np.full((50, len(model.fusion.families)), np.nan)
    scores[:, column] = np.linspace(-8.0, 8.0, 50)
    p_values = model.p_values(scores)[:, column]
    groups = model.references["content"]
    assert "genuine" in groups
    for reference in groups.values():
        assert (p_values >= reference.p_values(scores[:, column])).all()


def test_texts_decide_only_with_an_unusual_metadata_family_and_a_high_risk(model: BundledRiskModel) -> None:
    rng = np.random.default_rng(2)
    scores = rng.normal(-1.0, 3.0, (4000, len(model.fusion.families)))
    scores[rng.random(scores.shape) < 0.3] = np.nan
    content = model.fusion.families.index("content")
    scores[:, content] = rng.normal(0.0, 0.3, len(scores)) + model.manifest.selective_evidence / 2
    # At the threshold of a tenth of these posts: that of a model of few accounts can be above all of them.
    entry = model.certified.model_copy(update={"threshold": float(np.quantile(model.fusion.risks(scores), 0.9))})
    policies = {**model.manifest.policies, model.policy: entry}
    model = replace(model, manifest=model.manifest.model_copy(update={"policies": policies}))
    decides = model.text_decides(scores)
    agrees = np.delete(model.agreement(model.p_values(scores)), content, axis=1).any(axis=1)
    assert 0 < decides.mean() < 1
    assert not (decides & ~agrees).any()
    flagged = np.array([judgement.flagged for judgement in model.judge(scores)])
    assert not (flagged & ~decides & (scores[:, content] < model.manifest.selective_evidence)).any()


def test_description_has_the_word_simulated(model: BundledRiskModel) -> None:
    assert "simulated" in model.describe()
    assert "simulated" in model.certified.certificate.sentence().lower()


def test_usual_posts_are_those_with_usual_typing_and_account_whatever_others_add(model: BundledRiskModel) -> None:
    names = model.fusion.families
    scores = np.full((len(names), len(names)), np.nan)
    np.fill_diagonal(scores, 1e6)
    usual = dict(zip(names, model.usual(scores).tolist(), strict=True))
    assert usual == {name: name not in ("typing", "account") for name in names}
