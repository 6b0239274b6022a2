"""Which script a character is written in, and the marks that belong to no script."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f"
"""The blocks of combining marks that any letter can carry, as the inside of a character class."""


@lru_cache(maxsize=1 << 14)
def script(character: str) -> str:
    """Return the first word of the character's Unicode name, which is the script for letters and their signs.

    Unlike the property Script, it tells a Hebrew point or an Arabic vowel sign from a mark of no script, which is
    COMBINING. Empty for what has no name, and for modifier letters, which are written in every script.
    """
    name = unicodedata.name(character, "").partition(" ")[0]
    return "" if name == "MODIFIER" else name
