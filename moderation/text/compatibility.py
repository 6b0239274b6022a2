"""Latin letters in fancy dress, which NFKC undresses."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_DRESSED = ("<font>", "<wide>", "<circle>", "<square>")
_NOT_ASCII_RUN = re.compile(r"[^\x00-\x7f]{2,}")
_EAST_ASIAN = re.compile("[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]")


def dressed_letters(text: str) -> int:
    """Count the letters of *text* that NFKC turns into one Latin letter each and that stand in runs of two and more.

    Mathematical, enclosed and full-width letters count; a single ℓ or ⓘ, ligatures, fractions, superscripts and
    Roman numerals do not, nor full-width letters in a text with Chinese, Japanese or Korean letters.
    """
    if unicodedata.is_normalized("NFKC", text):
        return 0
    east_asian = _EAST_ASIAN.search(text) is not None
    count = 0
    for run in _NOT_ASCII_RUN.findall(text):
        length = 0
        for character in (*run, ""):
            dress = _dress(character)
            if dress and not (dress == "<wide>" and east_asian):
                length += 1
            else:
                count += length if length > 1 else 0
                length = 0
    return count


@lru_cache(maxsize=1 << 12)
def _dress(character: str) -> str:
    if not character:
        return ""
    dress, _, letter = unicodedata.decomposition(character).partition(" ")
    if dress in _DRESSED and len(plain := unicodedata.normalize("NFKC", character)) == 1 and plain.isascii():
        return dress if letter and plain.isalpha() else ""
    return ""
