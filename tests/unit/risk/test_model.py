"""Judgements: the gate, independence of rows and explanations."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.risk.explanation import sentence
from moderation.risk.gate import gate_opens
from moderation.risk.manifest import NamedFeature
from moderation.risk.model import BundledRiskModel
from tests.unit.risk.test_neutrality import any_posts


def test_a_flag_needs_a_risk_above_the_threshold_and_an_open_gate(model: BundledRiskModel) -> None:
    for seed in range(6):
        for judged in model.assess(*any_posts(model, seed)):
            assert judged.flagged == (judged.risk > model.threshold and gate_opens(judged.agreeing))
            assert 0.0 < judged.risk < 1.0
            p_values = {f.family: f.p_value for f in judged.families if f.p_value is not None}
            agreeing = tuple(name for name, p_value in p_values.items() if p_value <= model.manifest.p_family)
            assert judged.agreeing == agreeing


def test_judgement_is_independent_of_the_batch(model: BundledRiskModel) -> None:
    features, logits = any_posts(model, 3)
    together = model.assess(features, logits)
    alone = [model.assess(features[n : n + 1], logits[n : n + 1])[0] for n in range(len(logits))]
    assert together == alone
    assert model.assess(features[:0], logits[:0]) == []


def test_wrong_shapes_are_refused(model: BundledRiskModel) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        model.assess(np.zeros((1, 3)), np.zeros(1))


def test_reasons_exclude_missing_values(model: BundledRiskModel) -> None:
    features, logits = any_posts(model, 4)
    found = 0
    for row, logit in zip(features[:8], logits[:8], strict=True):
        known = {f.name for f, value in zip(model.manifest.features, row, strict=True) if not np.isnan(value)}
        for reason in model.explain(row, float(logit)):
            found += 1
            assert reason.feature in known | {"synthetic_logit"}
            assert reason.contribution > 0
            assert reason.value is not None
            assert reason.sentence[0].isupper()
            assert reason.sentence.endswith(".")
            assert "nan" not in reason.sentence.lower().split()
    assert found


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
    feature = NamedFeature(
        version=1,
        name="f",
        family="graph",
        unit=unit,
        meaning="what it is",
        genuine_median=0,
        genuine_low=0,
        genuine_high=0,
    )
    assert sentence(feature, value).startswith(f"What it is: {shown}; among genuine accounts nearly always ")


def test_common_binary_feature_is_described_as_both() -> None:
    feature = NamedFeature(
        version=1,
        name="f",
        family="account",
        unit="0/1",
        meaning="it is",
        genuine_median=1,
        genuine_low=0,
        genuine_high=1,
    )
    assert sentence(feature, 0.0) == "It is: no; among genuine accounts both are usual."


def test_common_score_is_described_as_common(model: BundledRiskModel) -> None:
    features, _ = any_posts(model, 4)
    for logit in (float(model.references["content"].scores.mean()), 40.0):
        p_value = float(model.references["content"].p_values(np.array([logit]))[0])
        for row in features[:8]:
            for reason in model.explain(row, logit):
                if reason.family == "content":
                    assert ("high detector score" in reason.sentence) == (p_value <= model.manifest.p_family)


def test_description_has_the_word_simulated(model: BundledRiskModel) -> None:
    assert "simulated" in model.describe()
    assert "simulated" in model.manifest.certificate.sentence().lower()
