"""Removes stacked combining marks; those that a language uses are kept."""

from __future__ import annotations

import re
import unicodedata

from moderation.text.scripts import MARKS

# The stream-safe format of UAX #15 allows 30 marks in a run; scripts in use need at most about five. The cap also keeps
# NFKC linear, because its canonical ordering is an insertion sort within one run.
_MARKS_IN_A_RUN = 8
# Vietnamese and polytonic Greek have 2 and 3 on single letters, far fewer on average over a word.
_MARKS_PER_LETTER = 2

_MARK = re.compile(f"[{MARKS}]")
_NOT_WORDS = re.compile(rf"[^\w\s]{{{_MARKS_IN_A_RUN + 1}}}")
_WORD = re.compile(f"[\\w{MARKS}]+")


def any_marks(text: str) -> bool:
    """Return whether *text* has a combining mark of no script that is not composed with its letter."""
    return _MARK.search(text) is not None


def capped(text: str) -> tuple[str, int]:
    """Return *text* with every run of combining marks truncated to eight, and the number of removed marks."""
    if not _NOT_WORDS.search(text):
        return text, 0
    kept: list[str] = []
    run = 0
    combining = unicodedata.combining
    for character in text:
        run = run + 1 if combining(character) else 0
        if run <= _MARKS_IN_A_RUN:
            kept.append(character)
    return "".join(kept), len(text) - len(kept)


def unstacked(text: str) -> tuple[str, int]:
    """Return *text* in NFKC without the marks of words that carry more than two per letter, and their number.

    *text* is in NFKC. Only marks of no script are counted, so that points, harakat and vowel signs of Hebrew, Arabic
    and Indic words always stay. All accents of such a word are removed, because the original ones cannot be identified.
    """
    if not any_marks(text):
        return text, 0
    dropped = 0

    def plain(word: re.Match[str]) -> str:
        nonlocal dropped
        if not _MARK.search(word[0]):
            return word[0]
        parts = unicodedata.normalize("NFD", word[0])
        bare = _MARK.sub("", parts)
        marks = len(parts) - len(bare)
        if marks <= _MARKS_PER_LETTER * max(len(bare), 1):
            return word[0]
        dropped += marks
        return bare

    cleared = _WORD.sub(plain, text)
    return (unicodedata.normalize("NFKC", cleared), dropped) if dropped else (text, 0)
