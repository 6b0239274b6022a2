"""Normalisation returns the text that a reader sees, in bounded time."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moderation.text import normalise, normalised


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain words", "plain words"),
        ("zero\u200bwidth and \u202aand\u202c", "zerowidth and and"),
        ("stored \u202esdrawkcab\u202c it reads forwards", "stored backwards it reads forwards"),
        ("a \u202e(xe\u0301is) na\u202c end", "a an (siéx) end"),
        ("\u202eolleh\nnext line", "hello next line"),
        ("שלום \u202eעולם\u202c", "שלום עולם"),
        ("tag\U000e0041\U000e0042ged", "tagged"),
        ("a\x00b", "ab"),
        ("ｆｕｌｌ ｗｉｄｔｈ", "full width"),
        ("one\n\n two\t three ", "one two three"),
        ("p\u0332l\u0333a\u0305i\u033fn", "plain"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("see https://example.org/a?b=c now", "see now"),
        ("thanks @some_body!", "thanks!"),
        ("write to me@example.org", "write to me@example.org"),
        ("привет мир", "привет мир"),
        ("\u200b\u2060\ufeff", ""),
        ("what?????? no....", "what??? no..."),
        ("a ____ c 、、、、 d", "a ___ c 、、、 d"),
        ("soooooo 😂😂😂😂😂 100000", "soooooo 100000"),
        ("@x\u0301y hello", "hello"),
        ("@ک\u200cت hello", "hello"),
    ],
)
def test_normalise_examples(text: str, clean: str) -> None:
    assert normalise(text) == clean


HOSTILE = st.lists(
    st.one_of(
        st.sampled_from("\u200b\u200c\u200d\ufe0f\u202e\u00ad\u3164\U000e0041\u0301\u0316\u0489\u064b\u0653\u094d"),
        st.sampled_from("abZéﬁ𝐱ｗςοарсжաօאاکठ한하カﾞ葛㎏1😀❤🏴`>@./:-_=!'"),
        st.sampled_from(
            [
                "\n",
                "\n> ",
                "\u3000",
                " ",
                "\x1c",
                "\u2028",
                "\x00",
                "\ud800",
                "\u0301" * 9,
                "!!!!",
                "https://x",
                "www.",
                "```",
            ]
        ),
    ),
    max_size=40,
).map("".join)


@given(st.one_of(HOSTILE, st.text(st.characters(exclude_categories=[]))))
@example("e\u0301 \u200b@a\u200bb")
@example("ﬁne\u200bprint")
@example("x" + "\u0301" * 50)
def test_normalise_is_idempotent(text: str) -> None:
    once = normalised(text)
    assert normalise(once.text) == once.text
    assert 0 <= once.tampering.altered <= len(text) * 3


@given(st.text(st.characters(max_codepoint=126, exclude_characters="`>{};="), max_size=80))
def test_ascii_shortcut_gives_the_same_form(text: str) -> None:
    short, long = normalised(text), normalised(text + "\ufeff")
    assert short.text == long.text
    assert short.tampering.letters == long.tampering.letters == sum(map(str.isalpha, text))


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0301\u0316" * 250_000,
        "\ufdfa" * 60_000,
        "@" * 1_000_000,
        "\u202e" * 500_000,
        " \n" * 500_000,
        "www." * 250_000,
        "`" * 1_000_000,
        "`a" * 500_000,
        "``` " * 250_000,
        "\n>" * 300_000,
        "аa " * 300_000,
        "аa\u200d" * 200_000,
        "".join(chr(code) for code in range(0x20, 0x20000)) * 4,
        "!?" * 500_000,
        "\u0301" + "k\u0489\u0301\u0301" * 200_000,
        "#a " * 300_000,
        "**a " * 250_000,
        "<a <b" * 200_000,
        "[a](" * 250_000,
        ":a:" * 300_000,
        "| " * 500_000,
        "- " * 500_000,
        "&amp;" * 200_000,
        "x." * 500_000,
        "||a " * 250_000,
    ],
    ids=[
        "combining marks",
        "expanding ligatures",
        "at signs",
        "bidi",
        "blanks",
        "half addresses",
        "backticks",
        "half code",
        "fences",
        "quotes",
        "spoofs",
        "spoofs with joiners",
        "all of Unicode",
        "punctuation",
        "towers of marks",
        "hashtags",
        "half emphasis",
        "half tags",
        "half links",
        "emoji codes",
        "table bars",
        "list marks",
        "entities",
        "domains",
        "half spoilers",
    ],
)
def test_hostile_text_takes_bounded_time(text: str) -> None:
    began = time.process_time()  # of this process alone, so that a busy machine does not count
    normalise(text)
    assert time.process_time() - began < 20  # a second or three where time is linear, hours where it is not
