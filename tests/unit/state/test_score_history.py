"""The scores of an account: in event-time order, one of a post, bounded, forgotten, and kept on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.state import PlatformState
from moderation.state.coverage import DAY_MS
from moderation.state.score_history import MOST_SCORES, SCORES_KEPT_MS, ScoreHistory, packed, packed_post, unpacked
from tests.unit.features.builders import KEYRING

START_MS = 1_790_000_000_000


def history(*scores: tuple[int, int, float]) -> ScoreHistory:
    """Scores of account 1 by post and time."""
    found = ScoreHistory()
    for post, after_ms, logit in scores:
        found.add(1, packed(START_MS + after_ms, logit, 30), packed_post(post, 0.0))
    return found


@given(
    at_ms=st.integers(0, 2**42),
    logit=st.floats(-40, 40),
    n_tokens=st.integers(0, 100_000),
)
def test_a_packed_score_keeps_logit_and_length_and_fits_64_bits(at_ms: int, logit: float, n_tokens: int) -> None:
    word = packed(at_ms, logit, n_tokens)
    found = unpacked([(word, packed_post(5, 1.25))])
    assert 0 <= word < 2**64
    assert found.logits[0] == pytest.approx(min(max(logit, -32.0), 32.0), abs=0.0011)
    assert found.tokens_log2[0] == pytest.approx(min(np.log2(n_tokens + 1), 63 / 8), abs=0.07)
    assert found.excesses[0] == 1.25


@given(st.permutations(range(40)), st.lists(st.integers(0, 39), max_size=20))
def test_the_order_and_the_repetition_of_posts_change_nothing(order: list[int], again: list[int]) -> None:
    scores = [(number, 1000 * (number // 2), number / 7) for number in range(40)]
    late = [score for score in map(scores.__getitem__, order) if score[0] >= 24]
    plain = history(*scores).window(1, START_MS + 60_000)
    mixed = history(*scores[:24], *late, *(scores[n] for n in again if n >= 24)).window(1, START_MS + 60_000)
    assert plain.logits.tolist() == mixed.logits.tolist()
    assert len(plain.logits) == MOST_SCORES


def test_a_window_ends_with_the_post_and_begins_14_days_before() -> None:
    some = history((1, 0, 1.0), (2, DAY_MS, 2.0), (3, 2 * DAY_MS, 3.0))
    assert some.window(1, START_MS + DAY_MS).logits.tolist() == [1.0, 2.0]
    assert some.window(1, START_MS + SCORES_KEPT_MS).logits.tolist() == [2.0, 3.0]
    assert len(some.window(2, START_MS).logits) == 0


def test_the_highest_score_of_a_posts_texts_stays_so_that_an_edit_hides_nothing() -> None:
    for order in ((3.0, -1.0), (-1.0, 3.0)):
        some = history((2, 5, 2.0), *((1, 9, logit) for logit in order))
        assert some.window(1, START_MS + 10).logits.tolist() == [2.0, 3.0]


def test_a_text_that_is_posted_again_counts_once() -> None:
    some = history(*((post, post, 1.0) for post in range(5)), (7, 7, 2.0))
    assert some.window(1, START_MS + 10).logits.tolist() == [1.0, 2.0]


def test_posts_of_one_time_are_in_the_order_of_posts() -> None:
    scores = [(post, 0, float((7 * post) % 16)) for post in range(16)]
    window = history(*scores).window(1, START_MS)
    assert sorted(window.logits.tolist()) != sorted((float(n) for n in range(16)), reverse=True)[:12]
    assert sorted(window.logits.tolist()) == sorted(logit for _, _, logit in scores[-12:])


def test_accounts_whose_scores_count_no_longer_are_dropped() -> None:
    some = history((1, 0, 1.0))
    some.add(2, packed(START_MS + 10 * DAY_MS, 0.0, 9), packed_post(5, 0.0))
    some.evict(START_MS + 17 * DAY_MS)
    assert len(some) == 1
    assert len(some.window(1, START_MS).logits) == 0


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 16), st.integers(0, 9), st.integers(-500, 500)), max_size=30)
)
def test_loaded_rows_equal_added_ones(scores: list[tuple[int, int, int, int]]) -> None:
    one_by_one, at_once, rows = ScoreHistory(), ScoreHistory(), []
    for account, post, after_h, logit in scores:
        word, key = packed(START_MS + after_h * 3_600_000, logit / 100, 30), packed_post(post, 0.1 * after_h)
        rows.append((word, account, key))
        one_by_one.add(account, word, key)
    at_once.load(np.array(rows, dtype=np.uint64).reshape(-1, 3))
    assert len(at_once) == len(one_by_one)
    for account in (1, 2, 3):
        found = [h.window(account, START_MS + 10 * 3_600_000).logits.tolist() for h in (at_once, one_by_one)]
        assert found[0] == found[1]


def state_of(scored_with: str) -> PlatformState:
    return PlatformState(platform_id="p", keyring=KEYRING, scored_with=scored_with)


def test_saved_scores_are_restored_for_the_same_detector_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = state_of("one")
    state.keep_journal(tmp_path)
    state.advance(START_MS)
    state.add_score(1, 7, START_MS, logit=2.5, n_tokens=30)
    state.save({})
    assert state.finish_saving()
    same, other = state_of("one"), state_of("other")
    same.restore(tmp_path)
    other.restore(tmp_path)
    assert same.scores.window(1, START_MS).logits.tolist() == [2.5]
    assert len(other.scores) == 0
    assert "are of another detector or scoring policy" in caplog.text
    other.save({})
    assert other.finish_saving()
    again = state_of("other")
    again.restore(tmp_path)
    assert len(again.scores) == 0
