"""Generates machine text from word trigrams counted by NLTK, at a low temperature, with bigrams as fallback."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice

from nltk.lm import NgramCounter
from nltk.lm.preprocessing import pad_both_ends
from nltk.util import everygrams

ORDER = 3
SHARPNESS = 3.0
"""Power of the counted frequencies (inverse temperature): likely words are preferred, as in current generators."""
BACK_OFF = 0.4
"""Probability that a word is drawn from the bigram although the trigram is known: breaks long copied runs."""
REPEATS = 2
"""Maximum number of repetitions of a word in a row."""
MIN_WORDS = 4
MAX_WORDS = 45
TRIES = 12
START, END = "<s>", "</s>"
_SPACES_BEFORE = re.compile(r"\s+([.,;:!?%)\]]|n't\b|'(?:s|re|ve|ll|d|m)\b)")


class NgramWriter:
    """Generates sentences similar to a corpus; the same seed gives the same sentences on every machine."""

    def __init__(self, corpus: Sequence[str]) -> None:
        """Count the words of *corpus*, one text per item, at least one of them not empty."""
        padded = (list(pad_both_ends(words, ORDER)) for text in corpus if (words := text.split()))
        self._counts = NgramCounter(everygrams(sentence, max_len=ORDER) for sentence in padded)
        self._draws: dict[tuple[str, ...], tuple[list[str], list[float]]] = {}
        self._corpus = "\n".join(sorted({_plain(text) for text in corpus}))

    def write(self, count: int, seed: int) -> list[str]:
        """Return up to *count* different texts, none of which is part of a text of the corpus."""
        draw = random.Random(seed)  # nosec B311  # noqa: S311  # text for a demo, nothing secret
        written: dict[str, None] = {}
        for words in islice(self._sentences(draw), count * TRIES):
            text = " ".join(words)
            if len(words) >= MIN_WORDS and _plain(text) not in self._corpus:
                written[text] = None
            if len(written) == count:
                break
        return list(written)

    def _sentences(self, draw: random.Random) -> Iterator[list[str]]:
        while True:
            yield list(islice(self._words(draw), MAX_WORDS))

    def _words(self, draw: random.Random) -> Iterator[str]:
        context = (START,) * (ORDER - 1)
        row = 0
        while True:
            words, weights = self._known(context[-1:] if draw.random() < BACK_OFF else context)
            word = draw.choices(words, cum_weights=weights)[0]
            if word == END:
                return
            row = row + 1 if word == context[-1] else 0
            if row < REPEATS:
                yield word
            context = (*context[1:], word)

    def _known(self, context: tuple[str, ...]) -> tuple[list[str], list[float]]:
        """Return the words after *context* with cumulative weights; for an unknown context those of a shorter one."""
        found = self._draws.get(context)
        if found is None:
            seen = self._counts[context]
            if not seen:
                return self._known(context[1:])
            words = sorted(word for word in seen if word != START)
            found = words, list(accumulate(float(seen[word]) ** SHARPNESS for word in words))
            self._draws[context] = found
        return found


def _plain(text: str) -> str:
    """Return the text in lower case with normalised spacing, to detect copies."""
    return " ".join(_SPACES_BEFORE.sub(r"\1", text.lower()).split())
