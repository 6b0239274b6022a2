"""The candidate that sees how a text is built and not what it is about: rare words become shape and suffix."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from scipy.sparse import csr_matrix

from moderation.text import normalise
from moderation.training.detector.leave_out.candidates import Scorer
from moderation.training.detector.leave_out.ngrams import BALANCED, counter_of_tokens, fit_balanced
from moderation.training.detector.rows import TextRow

_TOKEN = re.compile(r"\w+|[^\w\s]")
_WORD = re.compile(r"\w")
_COMMON_WORDS = 1000
_SUFFIX_LETTERS = 3
_LONGEST_SHAPE = 4


class Shapes:
    """Word 1-3-grams, every word but the 1000 commonest of the training rows replaced by its shape and suffix."""

    description = training = (
        f"word 1-3-grams, all but the {_COMMON_WORDS} commonest words as shape and suffix, {BALANCED}"
    )

    def __init__(self) -> None:
        self._tokens: dict[str, list[str]] = {}
        self._counter = counter_of_tokens(3)

    def fit(self, rows: Sequence[TextRow], _folder: Path, /) -> Scorer:
        """Return a scorer fitted on *rows*, whose words alone decide which are common."""
        frequencies = Counter(word.lower() for row in rows for word in self._tokens_of(row.text) if word.isalpha())
        common = {word for word, _ in sorted(frequencies.items(), key=lambda item: (-item[1], item[0]))[:_COMMON_WORDS]}
        seen: dict[str, str] = {}

        def shaped(word: str) -> str:
            if word not in seen:
                seen[word] = word if word.lower() in common else shape(word)
            return seen[word]

        def counts_of(texts: Sequence[str]) -> csr_matrix:
            return self._counter.transform([shaped(word) for word in self._tokens_of(text)] for text in texts)

        return fit_balanced(rows, counts_of)

    def _tokens_of(self, text: str) -> list[str]:
        if text not in self._tokens:
            self._tokens[text] = _TOKEN.findall(normalise(text))
        return self._tokens[text]


def shape(word: str) -> str:
    """Return the shape of a word and its last letters, as in ``Xx|ing``; punctuation stays what it is."""
    if not _WORD.match(word):
        return word
    kinds = ("d" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else "o" for c in word)
    runs = "".join(kind for kind, _ in groupby(kinds))[:_LONGEST_SHAPE]
    suffix = word[-_SUFFIX_LETTERS:].lower() if word.isalpha() and len(word) > _SUFFIX_LETTERS else ""
    return f"{runs}|{suffix}"
