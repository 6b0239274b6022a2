"""Pooling rules for the logits of sections."""

from __future__ import annotations

import math

import numpy as np
import pytest

from moderation.detector.pooling import POOLING_RULES, PoolingRule, pooled

_LOGITS = np.array([1.0, -2.0, 3.0], dtype=np.float32)
_TOKENS = np.array([10.0, 30.0, 10.0])


@pytest.mark.parametrize(
    ("rule", "by_hand"),
    [
        ("token-weighted mean", (10 * 1 + 30 * -2 + 10 * 3) / 50),
        ("max", 3.0),
        ("mean of the two highest", 2.0),
        (
            "softmax-weighted mean (temperature 1)",
            (math.e - 2 * math.exp(-2) + 3 * math.exp(3)) / (math.e + math.exp(-2) + math.exp(3)),
        ),
    ],
)
def test_rule_matches_a_worked_example(rule: PoolingRule, by_hand: float) -> None:
    assert pooled(rule, _LOGITS, _TOKENS) == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize("rule", POOLING_RULES)
def test_single_section_keeps_its_logit(rule: PoolingRule) -> None:
    assert pooled(rule, np.array([-700.25], dtype=np.float32), np.array([5.0])) == -700.25


@pytest.mark.parametrize("rule", POOLING_RULES)
def test_very_large_logits_stay_finite(rule: PoolingRule) -> None:
    assert math.isfinite(pooled(rule, np.array([-2000.0, 2000.0], dtype=np.float32), np.ones(2)))
