"""Sources that go badly count more, within bounds, and a resumed run remembers how much."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from moderation.errors import SettingsError
from moderation.training.detector.batches import tokenise
from moderation.training.detector.loop import train_on
from moderation.training.detector.plans import TrainingPlan
from moderation.training.detector.source_weights import MOST, SourceWeights
from tests.unit.detector.small_encoders import (
    BERT_TOKENS,
    assert_same,
    differ,
    log_of,
    rows_of,
    small_bert,
    tokenizer_with,
    weights_of,
)

_CPU = torch.device("cpu")
_ROWS = rows_of({"forum": (100, 50), "mail": (100, 50), "people": (100, 0)})
_ONE_OF_EACH = np.array(
    [next(n for n, row in enumerate(_ROWS) if row.source == s) for s in ("forum", "mail", "people")]
)


def _plan(steps: int) -> TrainingPlan:
    return TrainingPlan(
        steps=steps, batch_texts=16, warmup_steps=2, checkpoint_every=2, cooldown_share=0.0001, attacked_share=0.0,
        group_robust=True,
    )  # fmt: skip


def _weights() -> SourceWeights:
    return SourceWeights(_ROWS, tokenise(_ROWS, tokenizer_with(BERT_TOKENS)))


def _mean_of_a_draw(weights: SourceWeights) -> float:
    texts = tokenise(_ROWS, tokenizer_with(BERT_TOKENS))
    first = np.array([members[0] for members in texts.strata])
    return float(texts.weights @ weights.of(first))


def test_every_source_counts_alike_before_the_first_step() -> None:
    assert _weights().ratios.tolist() == [1.0, 1.0, 1.0]


def test_a_source_counts_more_the_worse_it_goes_and_the_mean_of_a_draw_stays() -> None:
    weights = _weights()
    for _ in range(20):
        weights.learn(_ONE_OF_EACH, np.array([0.9, 0.5, 0.1], np.float32))
    worst, middle, best = weights.ratios
    assert worst > 1 > best
    assert worst > middle > best
    assert worst / middle == pytest.approx(np.exp(20 * 0.01 * 0.4))
    assert _mean_of_a_draw(weights) == pytest.approx(1.0)


@pytest.mark.parametrize("losses", [[9.0, 0.1, 0.1], [9.0, 9.0, 0.0], [0.0, 0.0, 9.0], [9.0, 4.0, 0.0]])
def test_no_source_leaves_its_bounds_however_long_it_goes_badly(losses: list[float]) -> None:
    weights = _weights()
    for _ in range(1000):
        weights.learn(_ONE_OF_EACH, np.array(losses, np.float32))
    assert weights.ratios.max() <= MOST * (1 + 1e-9)
    assert weights.ratios.min() >= (1 - 1e-9) / MOST
    assert _mean_of_a_draw(weights) == pytest.approx(1.0)
    assert np.argmax(weights.ratios) == np.argmax(losses)


def test_a_source_that_goes_well_again_loses_what_it_gained() -> None:
    weights = _weights()
    for _ in range(1000):
        weights.learn(_ONE_OF_EACH, np.array([2.0, 0.1, 0.1], np.float32))
    for _ in range(1000):
        weights.learn(_ONE_OF_EACH, np.array([0.1, 2.0, 0.1], np.float32))
    assert weights.ratios[1] > 1 > weights.ratios[0]


def test_a_source_that_no_step_has_shown_stays_an_average_one() -> None:
    weights = _weights()
    weights.learn(_ONE_OF_EACH[:2], np.array([0.9, 0.1], np.float32))
    assert weights.ratios[0] > weights.ratios[2] > weights.ratios[1]


def test_an_interrupted_run_continues_with_its_weights_as_if_never_stopped(tmp_path: Path) -> None:
    encoder = small_bert(tmp_path / "encoder")
    train_on(_ROWS, (), tmp_path / "whole", encoder, _plan(6), _CPU)
    for steps in (3, 6):
        train_on(_ROWS, (), tmp_path / "parts", encoder, _plan(steps), _CPU)
    assert_same(weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts"))
    plain = replace(_plan(6), group_robust=False)
    train_on(_ROWS, (), tmp_path / "plain", encoder, plain, _CPU)
    assert differ(weights_of(tmp_path / "whole"), weights_of(tmp_path / "plain"))
    assert log_of(tmp_path / "whole")[-1]["source_ratios"].keys() == {"forum", "mail", "people"}
    with pytest.raises(SettingsError, match="begun with group_robust=False, not True"):
        train_on(_ROWS, (), tmp_path / "plain", encoder, _plan(8), _CPU)
