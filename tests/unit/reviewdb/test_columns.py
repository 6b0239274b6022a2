"""Text and times survive the columns: any string comes back, equal stays equal, different stays different."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.reviewdb.columns import escape_text, unescape_text
from connectors.reviewdb.identity import digest

ANY_TEXT = st.text(st.characters(exclude_categories=[]) | st.sampled_from("\x00\x1a0041d8\ud800\udfff"))


@given(ANY_TEXT)
def test_any_text_comes_back_and_can_be_stored(text: str) -> None:
    stored = escape_text(text)
    assert "\x00" not in stored
    stored.encode("utf-8")
    assert unescape_text(stored) == text


@given(ANY_TEXT, ANY_TEXT)
def test_different_texts_are_stored_differently(one: str, other: str) -> None:
    assert (escape_text(one) == escape_text(other)) == (one == other)


def test_ordinary_text_is_stored_as_it_is() -> None:
    assert escape_text("Grüße 💬 \\x00 \t\n") == "Grüße 💬 \\x00 \t\n"


@given(st.lists(ANY_TEXT, max_size=4), st.lists(ANY_TEXT, max_size=4))
def test_parts_never_run_into_each_other(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)
