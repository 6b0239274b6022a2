"""Content features: what a few texts of an account add up to."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.features.catalogue import FEATURES
from moderation.features.content import CONTENT_COLUMNS, ContentBaseline, content_features
from moderation.state.score_history import NO_SCORES, OwnScores

BASELINE = ContentBaseline((2.0, 6.0), (-2.0, -4.0), (1.0, 2.0), 0.25)


def scores(*logits: float, tokens_log2: float = 6.0) -> OwnScores:
    return OwnScores(np.array(logits), np.full(len(logits), tokens_log2))


def features(*accounts: OwnScores) -> list[dict[str, float]]:
    names = [FEATURES[column].name.removeprefix("content_") for column in CONTENT_COLUMNS]
    return [dict(zip(names, row, strict=True)) for row in content_features(accounts, BASELINE).tolist()]


def test_scores_are_relative_to_human_texts_of_that_length() -> None:
    (short,), (middle,), (long,) = (
        BASELINE.residuals(scores(0.0, tokens_log2=length)).tolist() for length in (1.0, 4.0, 9.0)
    )
    assert (short, middle, long) == (2.0, 2.0, 2.0)


def test_evidence_is_the_mean_in_deviations_of_a_mean_of_correlated_texts() -> None:
    (four,) = features(scores(-4.0, -2.0, 0.0, 6.0))
    assert four == pytest.approx({"mean": 2.0, "evidence": 2.0 * (4 / 1.75) ** 0.5, "scored": 4.0})
    (one,) = features(scores(0.0))
    assert one == {"mean": 2.0, "evidence": 2.0, "scored": 1.0}


def test_more_texts_of_one_mean_are_more_evidence() -> None:
    evidence = [features(scores(*[0.0] * number))[0]["evidence"] for number in range(1, 13)]
    assert evidence == sorted(evidence)
    assert evidence[-1] > 1.7 * evidence[0]


def test_an_account_without_scores_has_no_content_features() -> None:
    nothing, some = features(NO_SCORES, scores(0.0))
    assert all(np.isnan(value) for value in nothing.values())
    assert some["scored"] == 1.0
    assert np.isnan(content_features([NO_SCORES], BASELINE)).all()


def test_a_row_does_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(3)
    accounts = [scores(*rng.normal(size=int(n))) for n in rng.integers(0, 13, 50)]
    together = content_features(accounts, BASELINE)
    alone = np.concatenate([content_features([account], BASELINE) for account in accounts])
    assert np.array_equal(together, alone, equal_nan=True)


@pytest.mark.parametrize("knots", [((), (), ()), ((1.0,), (0.0,), (0.0,)), ((2.0, 1.0), (0.0, 0.0), (1.0, 1.0))])
def test_an_unusable_baseline_is_refused(knots: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(ValueError, match="content baseline"):
        ContentBaseline(*knots, correlation=0.3)
    with pytest.raises(ValueError, match="from 0 to 1"):
        ContentBaseline((1.0,), (0.0,), (1.0,), correlation=1.5)
