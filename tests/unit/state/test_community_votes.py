"""The sampled scores of communities: bounded, in any order, one of an account, closed before they count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from moderation.state import PlatformState
from moderation.state.community_votes import MOST_VOTES, VOTES_KEPT_MS, CommunityVotes, Votes, rank
from moderation.state.coverage import DAY_MS, KEPT_MS
from moderation.state.score_history import packed
from tests.unit.features.builders import KEYRING

START_MS = 1_790_000_000_000 // DAY_MS * DAY_MS


def added(*scores: tuple[int, int, float]) -> CommunityVotes:
    """Scores of community 1 by account and time after the start."""
    votes = CommunityVotes()
    for account, after_ms, logit in scores:
        votes.add(1, account, packed(START_MS + after_ms, logit, 30))
    return votes


def closed(votes: CommunityVotes, days: float) -> dict[int, float]:
    """The score of each account, as of a number of days after the start."""
    found = votes.closed(1, START_MS + int(days * DAY_MS))
    if found is None:
        return {}
    return dict(zip(found.accounts.tolist(), found.scores.logits.round(2).tolist(), strict=True))


def test_scores_count_from_the_second_day_after_theirs_for_two_weeks() -> None:
    votes = added((7, 0, 1.0))
    assert closed(votes, 1.99) == {}
    assert closed(votes, 2.0) == closed(votes, 15.99) == {7: 1.0}
    assert closed(votes, 16.0) == {}


def test_the_first_score_of_a_day_and_the_last_day_of_an_account_count() -> None:
    assert closed(added((7, 5000, 1.0), (7, 10, 2.0), (8, 0, 3.0)), 2) == {7: 2.0, 8: 3.0}
    assert closed(added((7, 0, 1.0), (7, DAY_MS, 2.0)), 3) == {7: 2.0}


def test_closed_scores_are_the_same_object_until_one_is_added() -> None:
    votes = added((7, 0, 1.0))
    first = votes.closed(1, START_MS + 2 * DAY_MS)
    assert isinstance(first, Votes)
    assert votes.closed(1, START_MS + 2 * DAY_MS + 5) is first
    votes.add(1, 8, packed(START_MS, 2.0, 30))
    assert closed(votes, 2) == {7: 1.0, 8: 2.0}


@given(st.permutations(range(3 * MOST_VOTES)))
def test_the_sample_of_a_day_is_bounded_and_does_not_depend_on_the_order(order: list[int]) -> None:
    scores = [(account + 1, account, 0.5) for account in range(3 * MOST_VOTES)]
    expected = closed(added(*scores), 2)
    assert len(expected) == MOST_VOTES
    assert closed(added(*(scores[number] for number in order)), 2) == expected


def test_another_day_draws_another_sample() -> None:
    assert len({rank(account, 1) for account in range(100)}) == 100
    assert rank(1, 1) != rank(1, 2)
    assert 0.4 < sum(rank(account, 1) < 2**63 for account in range(1000)) / 1000 < 0.6


def test_old_days_are_dropped() -> None:
    votes = added((7, 0, 1.0), (8, DAY_MS, 1.0))
    votes.evict(START_MS + VOTES_KEPT_MS + KEPT_MS + DAY_MS)
    assert len(votes) == 1
    votes.evict(START_MS + VOTES_KEPT_MS + KEPT_MS + 2 * DAY_MS)
    assert len(votes) == 0


def test_a_restart_from_the_journal_keeps_the_sample(tmp_path: Path) -> None:
    state = PlatformState(platform_id="p", keyring=KEYRING)
    state.keep_journal(tmp_path)
    for account in range(1, 2 * MOST_VOTES):
        state.add_vote(1, account, START_MS + account, logit=float(account % 7), n_tokens=30)
    state.save({})
    assert state.finish_saving()
    again = PlatformState(platform_id="p", keyring=KEYRING)
    again.restore(tmp_path)
    before, after = (one.votes.closed(1, START_MS + 2 * DAY_MS) for one in (state, again))
    assert before is not None
    assert after is not None
    np.testing.assert_array_equal(before.accounts, after.accounts)
    np.testing.assert_array_equal(before.scores.logits, after.scores.logits)
