"""Counts styled Latin letters, which NFKC replaces by plain ones."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_DRESSED = ("<font>", "<wide>", "<circle>", "<square>")
_NOT_ASCII_RUN = re.compile(r"[^\x00-\x7f]{2,}")
_EAST_ASIAN = re.compile("[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]")


def styled_letters(text: str) -> int:
    """Return the number of letters of *text*, in runs of two and more, that NFKC replaces by one Latin letter each.

    Mathematical, enclosed and full-width letters are counted; a single ℓ or ⓘ, ligatures, fractions, superscripts and
    Roman numerals are not, nor full-width letters in a text with Chinese, Japanese or Korean letters.
    """
    if unicodedata.is_normalized("NFKC", text):
        return 0
    east_asian = _EAST_ASIAN.search(text) is not None
    count = 0
    for run in _NOT_ASCII_RUN.findall(text):
        length = 0
        for character in (*run, ""):
            dress = _plain(character)
            if dress and not (dress == "<wide>" and east_asian):
                length += 1
            else:
                count += length if length > 1 else 0
                length = 0
    return count


@lru_cache(maxsize=1 << 12)
def _plain(character: str) -> str:
    if not character:
        return ""
    dress, _, letter = unicodedata.decomposition(character).partition(" ")
    if dress in _DRESSED and len(plain := unicodedata.normalize("NFKC", character)) == 1 and plain.isascii():
        return dress if letter and plain.isalpha() else ""
    return ""
