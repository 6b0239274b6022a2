"""What is tokenised is what a reader sees, in bounded time."""

from __future__ import annotations

import time

import pytest

from moderation.text import normalise


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain words", "plain words"),
        ("zero\u200bwidth and \u202ebidi\u202c", "zerowidth and bidi"),
        ("tag\U000e0041\U000e0042ged", "tagged"),
        ("a\x00b", "ab"),
        ("ｆｕｌｌ ｗｉｄｔｈ", "full width"),
        ("one\n\n two\t three ", "one two three"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("see https://example.org/a?b=c now", "see http now"),
        ("thanks @some_body!", "thanks @user!"),
        ("write to me@example.org", "write to me@example.org"),
        ("привет мир", "привет мир"),
        ("\u200b\u2060\ufeff", ""),
    ],
)
def test_a_reader_s_form(text: str, clean: str) -> None:
    assert normalise(text) == clean


def test_normalising_twice_changes_nothing() -> None:
    for text in ("e\u0301 \u200b@a\u200bb", "ﬁne​print", "x" + "\u0301" * 50):
        assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0301\u0316" * 250_000,
        "\ufdfa" * 60_000,
        "@" * 1_000_000,
        "\u202e" * 500_000,
        " \n" * 500_000,
        "www." * 250_000,
    ],
    ids=["combining marks", "expanding ligatures", "at signs", "bidi", "blanks", "half addresses"],
)
def test_hostile_text_takes_bounded_time(text: str) -> None:
    began = time.perf_counter()
    normalise(text)
    assert time.perf_counter() - began < 3
