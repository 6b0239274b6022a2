"""Comparison of the names of people: two spellings that look the same are one person."""

from __future__ import annotations

import re
import unicodedata

_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Controls, formatting (zero width, bidirectional), surrogates, private use and unassigned characters."""
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Invisible characters of other categories: fillers, selectors and joiners."""


def compared_name(name: str) -> str:
    """Return a name in NFKC, case-folded, without invisible characters and redundant white space."""
    spaced = " ".join(unicodedata.normalize("NFKC", name).split())
    seen = "".join(sign for sign in spaced if unicodedata.category(sign) not in _UNSEEN_CATEGORIES)
    folded = unicodedata.normalize("NFKC", _UNSEEN.sub("", seen).casefold())
    return " ".join(folded.split())
