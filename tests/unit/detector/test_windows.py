"""Bounds of sections and truncation of texts."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from moderation.detector.sections import seen_of, within_bytes
from moderation.detector.windows import windows


@given(st.integers(0, 5000), st.integers(1, 510))
def test_sections_cover_every_token_within_the_limit(n_tokens: int, most: int) -> None:
    covered: set[int] = set()
    for begin, end in windows(n_tokens, most):
        assert 0 < end - begin <= most
        covered.update(range(begin, end))
    assert covered == set(range(n_tokens))


@given(st.integers(127, 5000))
def test_neighbouring_sections_overlap_by_about_a_quarter(n_tokens: int) -> None:
    spans = windows(n_tokens, 126)
    assert all(left[1] - right[0] >= 30 for left, right in pairwise(spans))


@given(st.text(max_size=300), st.integers(9, 200))
def test_truncated_text_fits_its_bytes(text: str, most: int) -> None:
    kept, cut = within_bytes(text, most)
    assert cut == (len(text.encode("utf-8", "replace")) > most)
    assert len(kept.encode("utf-8")) <= most + 2


def test_expanding_characters_at_most_double_the_size() -> None:
    text = "\ufdfa" * 1000
    seen, cut = seen_of(text, 65536)
    assert cut
    assert len(seen.text.encode()) <= 2 * len(text.encode()) + 2


def test_few_expanding_characters_are_kept() -> None:
    assert not seen_of("\ufdfa said \ufdfa", 65536)[1]


@given(st.text(max_size=2000))
def test_normalised_size_is_bounded_by_posted_size(text: str) -> None:
    seen, _ = seen_of(text, 1000)
    assert len(seen.text.encode("utf-8", "replace")) <= max(256, 2 * len(text.encode("utf-8", "replace"))) + 2
    assert len(seen.text.encode("utf-8", "replace")) <= 1002
