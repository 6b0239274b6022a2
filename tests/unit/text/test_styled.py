"""Styled Latin letters are read as plain ones, and flags and phonetic letters are not."""

from __future__ import annotations

import pytest

from moderation.text import normalise
from moderation.text.styled import unstyled


def _shifted(text: str, first: int) -> str:
    return "".join(chr(first + ord(letter) - ord("A")) if letter.isalpha() else letter for letter in text.upper())


@pytest.mark.parametrize(
    "first", [0x1F130, 0x1F150, 0x1F170, 0x1F1E6], ids=["squared", "circled", "filled", "regional"]
)
def test_unstyled_enclosed_letters_become_plain_ones(first: int) -> None:
    assert normalise(_shifted("the ferry left early", first)) == "THE FERRY LEFT EARLY"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("we went to \U0001f1e9\U0001f1ea today", "we went to today"),
        ("ᴛʜᴇ ꜰᴇʀʀʏ ʟᴇꜰᴛ ᴇᴀʀʟʏ", "the ferry left early"),
        ("a struck o\u0336u\u0336t\u0336 word", "a struck out word"),
        ("T\U0001bca0h\U0001bca0e ferry", "The ferry"),
        ("the_ferry_left_early,_before_the_rain_began", "the ferry left early, before the rain began"),
        ("call left_early before the rain", "call left_early before the rain"),
        ("```\nthe ferry left early\n```", "the ferry left early"),
        ("`the ferry left early`", "the ferry left early"),
    ],
)
def test_normalise_decorated_text_is_the_plain_text(text: str, plain: str) -> None:
    assert normalise(text) == plain


def test_unstyled_phonetic_letters_stay() -> None:
    assert unstyled("the sound ʀ in [bʀɔt]") == "the sound ʀ in [bʀɔt]"
