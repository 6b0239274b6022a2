"""Which script a character or a text is written in, and the marks that belong to no script."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import lru_cache

MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f"
"""The blocks of combining marks that any letter can carry, as the inside of a character class."""


_WITH_CJK = frozenset({"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"})


@lru_cache(maxsize=1 << 14)
def script(character: str) -> str:
    """Return the first word of the character's Unicode name, which is the script for letters and their signs.

    Unlike the property Script, it distinguishes a Hebrew point or an Arabic vowel sign from a mark of no script, which
    is COMBINING. Empty for what has no name, and for modifier letters, which are written in every script.
    """
    name = unicodedata.name(character, "").partition(" ")[0]
    return "" if name == "MODIFIER" else name


def letters_by_script(text: str) -> Counter[str]:
    """Return how many letters of *text* each script has; modifier letters, which belong to none, are not counted.

    Kana count with CJK: Japanese is written in all of them at once.
    """
    if text.isascii():
        return Counter({"LATIN": sum(map(str.isalpha, text))})
    names = (script(character) for character in text if character.isalpha())
    counts = Counter("CJK" if name in _WITH_CJK else name for name in names)
    del counts[""]
    return counts
