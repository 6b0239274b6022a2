"""Changes of words: typing errors, synonyms, spelling variants, other numbers."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from moderation.lab.attacks.attack import Attack
from moderation.lab.attacks.spans import (
    articles,
    change_some,
    in_the_case_of,
    known_words,
    matches,
    whole_words,
    without_article,
)
from moderation.lab.attacks.spellings import AMERICAN_TO_BRITISH, BRITISH_TO_AMERICAN
from moderation.lab.attacks.synonyms import SYNONYMS

_NAMES = "zero one two three four five six seven eight nine ten eleven twelve"
SMALL_NUMBERS: dict[str, str] = {str(number): name for number, name in enumerate(_NAMES.split())}

_NEIGHBOURS = {
    **dict(zip("qwertyuiop", ("wa", "qes", "wrd", "etf", "ryg", "tuh", "yij", "uok", "ipl", "ol"), strict=True)),
    **dict(zip("asdfghjkl", ("qsz", "adw", "sfe", "dgr", "fht", "gjy", "hku", "jli", "kop"), strict=True)),
    **dict(zip("zxcvbnm", ("asx", "zcs", "xvd", "cbf", "vng", "bmh", "njk"), strict=True)),
}
_LONG_WORD = re.compile(r"(?<![\w@#'’])[A-Za-z]{4,}(?![\w'’])")
# A number with its currency, decimals, thousands, clock time, date or per cent, never part of a word such as "mp3".
_NUMBER = re.compile(r"(?<![\w.,:/-])[$€£]?[0-9]+(?:[.,:/-][0-9]+)*(?!\w|[.,:/-][0-9])%?")
_DIGIT = re.compile(r"[0-9]")
_SYNONYM = whole_words(SYNONYMS)
_AMERICAN = whole_words(AMERICAN_TO_BRITISH)
_BRITISH = whole_words(BRITISH_TO_AMERICAN)


def misspelt(word: str, rng: random.Random) -> str:
    """Return *word*, four or more Latin letters, with one typing error after its first letter.

    The error is one of four: two letters swapped, one dropped, one doubled, or a neighbouring key. The result always
    differs from *word*.
    """
    at = rng.randrange(1, len(word) - 1)
    letter, after = word[at], word[at + 1]
    slips = [
        word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + _beside(letter, rng) + word[at + 1 :],
    ]
    if letter != after:
        slips.append(word[:at] + after + letter + word[at + 2 :])
    return rng.choice(slips)


def _beside(letter: str, rng: random.Random) -> str:
    return in_the_case_of(letter, rng.choice(_NEIGHBOURS[letter.lower()]))


def misspelling(text: str, rng: random.Random, rate: float) -> str:
    """Return *text* with a share *rate* of the words of four or more letters misspelt."""
    return change_some(text, matches(_LONG_WORD, text), rate, rng, lambda word: misspelt(word, rng))


def _synonyms(text: str, rng: random.Random, rate: float) -> str:
    spans = known_words(_SYNONYM, text, SYNONYMS)
    return change_some(text, spans, rate, rng, lambda word: in_the_case_of(word, rng.choice(SYNONYMS[word.lower()])))


def _without_articles(text: str, rng: random.Random, rate: float) -> str:
    return change_some(text, articles(text), rate, rng, without_article)


def _numbers(text: str, rng: random.Random, rate: float) -> str:
    def another(number: str) -> str:
        if number in SMALL_NUMBERS:
            return SMALL_NUMBERS[number]
        return _DIGIT.sub(lambda digit: rng.choice("123456789".replace(digit[0], "")), number)

    return change_some(text, matches(_NUMBER, text), rate, rng, another)


def _respelt(text: str, rng: random.Random, rate: float, pattern: re.Pattern[str], table: Mapping[str, str]) -> str:
    spans = known_words(pattern, text, table)
    return change_some(text, spans, rate, rng, lambda word: in_the_case_of(word, table[word.lower()]))


def _british(text: str, rng: random.Random, rate: float) -> str:
    return _respelt(text, rng, rate, _AMERICAN, AMERICAN_TO_BRITISH)


def _american(text: str, rng: random.Random, rate: float) -> str:
    return _respelt(text, rng, rate, _BRITISH, BRITISH_TO_AMERICAN)


WORD_ATTACKS: tuple[Attack, ...] = (
    Attack(
        "misspelling",
        0.1,
        "words",
        "A word of four or more letters gets two letters swapped, or one dropped, doubled or from a neighbouring key.",
        misspelling,
    ),
    Attack("synonyms", 0.7, "words", "A common word or phrase is replaced by a synonym.", _synonyms),
    Attack("article_deletion", 0.5, "articles", "An English article is removed.", _without_articles),
    Attack(
        "number_swap",
        1.0,
        "numbers",
        "A number is replaced by another of the same length; up to twelve, it is spelled out.",
        _numbers,
    ),
    Attack("british_spelling", 1.0, "words", "American spelling is changed to British.", _british),
    Attack("american_spelling", 1.0, "words", "British spelling is changed to American.", _american),
)
