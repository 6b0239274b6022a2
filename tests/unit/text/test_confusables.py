"""Letters of other scripts become Latin only in spoofed words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.text.confusables import folded

LOOKING_LATIN = "асеорхуіѕАВСЕНКМОРТХονΑΒЅÅéabcxyz "


@pytest.mark.parametrize(
    ("text", "clean", "replaced"),
    [
        ("рassword", "password", 1),
        ("Ӏnvest Іn Ιt", "Invest In Ιt", 2),
        ("pаypаl, сору оf оur page", "paypal, copy of our page", 8),
        ("séсurité sӧber", "sécurité söber", 2),
        ("ԁօ it ոօԝ", "do it now", 5),
        ("ꓔhis ꓮpril it rains", "This April it rains", 2),
    ],
)
def test_spoofed_word_becomes_latin(text: str, clean: str, replaced: int) -> None:
    assert folded(text) == (clean, replaced)


def test_words_of_look_alikes_become_latin_among_latin_words() -> None:
    text = "They said хоре was near, a сосоа or реаре, then some other things happened there"
    assert folded(text) == ("They said xope was near, a cocoa or peape, then some other things happened there", 14)


@pytest.mark.parametrize(
    "text",
    [
        "They said сор and хор",
        "ꓡꓲ-ꓢꓴ ꓄ꓵ ꓘꓶ ꓞꓱ",
        "сосоа реаре хоре сора",
        "They said хоре was near, a сосоа or реаре, then some other things happened there, да",
        "Мы купили cахар",
        "the ρV term and αx",
        "וSMS ה-API",
        "Пo-русски",
        "httрs://example.org",
    ],
    ids=[
        "two words",
        "lisu",
        "no latin",
        "a russian letter",
        "at home",
        "formulas",
        "hebrew",
        "own shape",
        "an address",
    ],
)
def test_plausible_foreign_words_are_unchanged(text: str) -> None:
    assert folded(text) == (text, 0)


@given(st.text(st.sampled_from(LOOKING_LATIN + "ждλω'-"), max_size=60))
def test_folding_is_idempotent(text: str) -> None:
    composed = unicodedata.normalize("NFKC", text)
    once, replaced = folded(composed)
    assert folded(once) == (once, 0)
    assert unicodedata.is_normalized("NFKC", once)
    assert (replaced == 0) == (once == composed)
