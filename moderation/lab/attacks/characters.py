"""Changes of single characters: readers see almost the same text, tokenisers do not."""

from __future__ import annotations

import random
import re
import string

from moderation.lab.attacks.attack import Attack
from moderation.lab.attacks.spans import change_some, letters, matches

# Cyrillic and Greek letters that most typefaces draw as the Latin one.
LOOK_ALIKES: dict[str, str] = {
    **dict(zip("acdehijlopqsuvwxy", "асԁеһіјӏорԛѕυνԝху", strict=True)),
    **dict(zip("ABCEHIJKMNOPQSTXYZ", "АВСЕНІЈКМΝОРԚЅТХΥΖ", strict=True)),
}
ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
TAGS = "".join(map(chr, range(0xE0020, 0xE007F)))
MARKS = "\u0300\u0301\u0302\u0303\u0308\u0323\u0331"
RIGHT_TO_LEFT, POP = "\u202e", "\u202c"
# Neither pair changes the display of left-to-right text.
BIDI_PAIRS = (("\u202a", "\u202c"), ("\u2066", "\u2069"), ("\u202d", "\u202c"), ("\u200e", "\u200e"))
# Code point of the capital A of six complete alphabets; the small a is 26 later.
MATHEMATICAL_ALPHABETS = (0x1D400, 0x1D468, 0x1D4D0, 0x1D5A0, 0x1D5D4, 0x1D670)
LEET: dict[str, str] = {"a": "4@", "b": "8", "e": "3", "g": "9", "i": "1!", "l": "1", "o": "0", "s": "5$", "t": "7"}

_LEET_ANY_CASE = {**LEET, **{letter.upper(): digits for letter, digits in LEET.items()}}
_LATIN_WORD = re.compile(r"(?<![\w'’])[A-Za-z]{2,}(?![\w'’])")


def _look_alike(text: str, rng: random.Random, rate: float) -> str:
    return change_some(text, letters(text, LOOK_ALIKES), rate, rng, LOOK_ALIKES.__getitem__)


def _zero_width(text: str, rng: random.Random, rate: float) -> str:
    return change_some(text, letters(text), rate, rng, lambda letter: letter + rng.choice(ZERO_WIDTH))


def _tagged(text: str, rng: random.Random, rate: float) -> str:
    return change_some(text, letters(text), rate, rng, lambda letter: letter + rng.choice(TAGS))


def marked(text: str, rng: random.Random, rate: float) -> str:
    """Return *text* with a combining accent on a share *rate* of the letters."""
    return change_some(text, letters(text), rate, rng, lambda letter: letter + rng.choice(MARKS))


def _bidi_enclosed(text: str, rng: random.Random, rate: float) -> str:
    def enclose(word: str) -> str:
        first, last = rng.choice(BIDI_PAIRS)
        return f"{first}{word}{last}"

    return change_some(text, matches(_LATIN_WORD, text), rate, rng, enclose)


def _bidi_reversed(text: str, rng: random.Random, rate: float) -> str:
    return change_some(text, matches(_LATIN_WORD, text), rate, rng, lambda word: f"{RIGHT_TO_LEFT}{word[::-1]}{POP}")


def _full_width(text: str, rng: random.Random, rate: float) -> str:
    return change_some(text, letters(text, string.ascii_letters), rate, rng, lambda a: chr(ord(a) + 0xFEE0))


def _mathematical(text: str, rng: random.Random, rate: float) -> str:
    first = rng.choice(MATHEMATICAL_ALPHABETS)

    def symbol(letter: str) -> str:
        return chr(first + ord(letter) - (ord("A") if letter.isupper() else ord("a") - 26))

    return change_some(text, letters(text, string.ascii_letters), rate, rng, symbol)


def leet(text: str, rng: random.Random, rate: float) -> str:
    """Return *text* with a share *rate* of the letters replaced by similar digits or signs."""
    return change_some(text, letters(text, _LEET_ANY_CASE), rate, rng, lambda a: rng.choice(_LEET_ANY_CASE[a]))


CHARACTER_ATTACKS: tuple[Attack, ...] = (
    Attack(
        "homoglyphs",
        1.0,
        "letters",
        "Every Latin letter with a Cyrillic or Greek look-alike is replaced by it.",
        _look_alike,
    ),
    Attack(
        "homoglyphs_sparse",
        0.05,
        "letters",
        "A few Latin letters are replaced by Cyrillic or Greek look-alikes.",
        _look_alike,
    ),
    Attack("zero_width", 0.1, "letters", "A zero-width character is inserted after a letter.", _zero_width),
    Attack(
        "bidi_controls",
        0.3,
        "words",
        "A word is enclosed in direction controls that do not change its display.",
        _bidi_enclosed,
    ),
    Attack(
        "bidi_reversed",
        0.3,
        "words",
        "A word is stored backwards in direction controls that display it forwards.",
        _bidi_reversed,
    ),
    Attack("tag_characters", 0.1, "letters", "An invisible tag character is inserted after a letter.", _tagged),
    Attack("combining_marks", 0.3, "letters", "A combining accent is added to a letter.", marked),
    Attack("full_width", 1.0, "letters", "Latin letters are replaced by full-width forms.", _full_width),
    Attack(
        "mathematical_letters",
        1.0,
        "letters",
        "Latin letters are replaced by bold, script, sans-serif or typewriter symbols of one mathematical alphabet.",
        _mathematical,
    ),
    Attack("leet", 0.3, "letters", "A letter is replaced by a similar digit or sign.", leet),
)
