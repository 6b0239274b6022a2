"""Untrusted text is escaped for a terminal."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from moderation.text.terminal import shortened, visible, visible_lines


@given(st.text(st.characters(exclude_categories=[])))
def test_visible_text_has_no_control_characters(text: str) -> None:
    for shown in (visible(text), shortened(text, 30)):
        assert not {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} & {unicodedata.category(sign) for sign in shown}
        shown.encode("utf-8")
    assert len(shortened(text, 30)) <= 30


def test_escape_sequence_is_escaped() -> None:
    assert visible("\x1b]0;owned\x07") == "\\u{1b}]0;owned\\u{7}"
    assert visible("\u202eevil\u2028") == "\\u{202e}evil\\u{2028}"
    assert visible_lines("one\ntwo\r") == "one\ntwo\\u{d}"


def test_ordinary_text_is_unchanged() -> None:
    assert visible("Grüße, 世界! 💬") == "Grüße, 世界! 💬"
