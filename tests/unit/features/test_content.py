"""Content features: what a few texts of an account add up to."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.features.catalogue import FEATURES
from moderation.features.content import (
    CONTENT_COLUMNS,
    LEAST_VOTES,
    CommunityBaselines,
    ContentBaseline,
    content_features,
)
from moderation.state.community_votes import Votes
from moderation.state.score_history import NO_SCORES, OwnScores

BASELINE = ContentBaseline((2.0, 6.0), (-2.0, -4.0), (1.0, 2.0), 0.25, correlation_alone=0.75, most_excused=1.5)


def scores(*logits: float, tokens_log2: float = 6.0) -> OwnScores:
    return OwnScores(np.array(logits), np.full(len(logits), tokens_log2), np.zeros(len(logits)))


def features(*accounts: OwnScores) -> list[dict[str, float]]:
    names = [FEATURES[column].name.removeprefix("content_") for column in CONTENT_COLUMNS]
    return [
        dict(zip(names, row, strict=True))
        for row in content_features(accounts, [0.5] * len(accounts), BASELINE).tolist()
    ]


def test_scores_are_relative_to_human_texts_of_that_length() -> None:
    (short,), (middle,), (long,) = (
        BASELINE.residuals(scores(0.0, tokens_log2=length)).tolist() for length in (1.0, 4.0, 9.0)
    )
    assert (short, middle, long) == (2.0, 2.0, 2.0)


def test_evidence_is_the_mean_in_deviations_of_a_mean_of_correlated_texts() -> None:
    (four,) = features(scores(-4.0, -2.0, 0.0, 6.0))
    assert four == pytest.approx({"mean": 2.0, "evidence": 2.0 * (4 / 1.75) ** 0.5, "scored": 4.0, "community": 0.5})
    (one,) = features(scores(0.0))
    assert one == {"mean": 2.0, "evidence": 2.0, "scored": 1.0, "community": 0.5}


def test_texts_without_a_baseline_of_their_community_are_weaker_evidence_together() -> None:
    own = scores(-4.0, -2.0, 0.0, 6.0)
    unknown = OwnScores(own.logits, own.tokens_log2, np.full(4, np.nan))
    half = OwnScores(own.logits, own.tokens_log2, np.array([0.0, 0.0, np.nan, np.nan]))
    known, mixed, alone = (found["evidence"] for found in features(own, half, unknown))
    assert alone == pytest.approx(2.0 * (4 / 3.25) ** 0.5)
    assert alone < mixed < known


def test_more_texts_of_one_mean_are_more_evidence() -> None:
    evidence = [features(scores(*[0.0] * number))[0]["evidence"] for number in range(1, 13)]
    assert evidence == sorted(evidence)
    assert evidence[-1] > 1.7 * evidence[0]


def test_earlier_texts_of_another_writer_do_not_hide_the_last_ones() -> None:
    own, taken = [-4.0] * 8, [2.0] * 4
    alone, hijacked, returned = features(scores(*taken), scores(*own, *taken), scores(*taken, *own))
    assert hijacked == pytest.approx(alone)
    assert 0.0 < returned["evidence"] < 0.5 * alone["evidence"]
    assert returned["scored"] == 12.0


def test_an_account_without_scores_has_no_content_features() -> None:
    nothing, some = features(NO_SCORES, scores(0.0))
    assert all(np.isnan(value) for value in nothing.values())
    assert some["scored"] == 1.0
    assert np.isnan(content_features([NO_SCORES], [0.5], BASELINE)).all()


def test_a_row_does_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(3)
    accounts = [scores(*rng.normal(size=int(n))) for n in rng.integers(0, 13, 50)]
    together = content_features(accounts, [0.0] * len(accounts), BASELINE)
    alone = np.concatenate([content_features([account], [0.0], BASELINE) for account in accounts])
    assert np.array_equal(together, alone, equal_nan=True)


@pytest.mark.parametrize("knots", [((), (), ()), ((1.0,), (0.0,), (0.0,)), ((2.0, 1.0), (0.0, 0.0), (1.0, 1.0))])
def test_an_unusable_baseline_is_refused(knots: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(ValueError, match="content baseline"):
        ContentBaseline(*knots, correlation=0.3, correlation_alone=0.3, most_excused=1.0)
    with pytest.raises(ValueError, match="from 0 to 1"):
        ContentBaseline((1.0,), (0.0,), (1.0,), correlation=0.5, correlation_alone=1.5, most_excused=1.0)
    with pytest.raises(ValueError, match="finite"):
        ContentBaseline((1.0,), (0.0,), (1.0,), correlation=0.5, correlation_alone=0.5, most_excused=-1.0)


def votes(*logits: float) -> Votes:
    """One score of a long text of each account, numbered from 1."""
    return Votes(np.arange(1, len(logits) + 1, dtype=np.uint64), scores(*logits))


def excess(found: Votes | None, account: int = 1000) -> float:
    return CommunityBaselines(BASELINE).excess(5, found, account)


def test_the_excess_of_a_community_is_its_shrunk_median_and_never_negative() -> None:
    assert excess(votes(*[-2.0] * 30)) == pytest.approx(1.0 * 30 / 60)
    assert excess(votes(*[-2.0] * 3000)) == pytest.approx(1.0, abs=0.02)
    assert excess(votes(*[-9.0] * 30)) == 0.0


def test_a_community_of_machine_texts_excuses_a_bounded_amount() -> None:
    assert excess(votes(*[20.0] * 500)) == BASELINE.most_excused


def test_few_accounts_make_no_baseline_and_an_account_is_not_its_own() -> None:
    assert np.isnan(excess(None))
    assert np.isnan(excess(votes(*[0.0] * (LEAST_VOTES - 1))))
    enough = votes(*[0.0] * LEAST_VOTES)
    assert np.isnan(excess(enough, account=3))
    assert excess(enough) > 0
    own = votes(*[-4.0] * 20, 8.0, *[-2.0] * 20)
    assert excess(own, account=21) == pytest.approx(0.5 * 40 / 70)


def test_a_text_is_compared_to_those_of_its_community_in_spreads_of_its_length() -> None:
    for tokens_log2, excess_ in ((6.0, 1.5), (2.0, 1.5), (6.0, 0.0)):
        own = scores(3.0, tokens_log2=tokens_log2)
        relative = OwnScores(own.logits, own.tokens_log2, np.array([excess_]))
        assert BASELINE.residuals(relative) == pytest.approx(BASELINE.residuals(own) - excess_)
