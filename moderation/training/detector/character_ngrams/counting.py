"""Character n-grams as numbers: which are counted, and how often each stands in a text.

scikit-learn's CountVectorizer counts the same, and takes ten times the time and memory for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

SHORTEST = 2
LONGEST = 5
# Five characters of 12 bits fill a key of 60.
_BITS = 12
_MOST_CHARACTERS = 2**_BITS - 1

Keys = NDArray[np.int64]
"""N-grams as numbers: the places of their characters in the alphabet, counted from 1, 12 bits each."""


@dataclass(frozen=True)
class Vocabulary:
    """The n-grams that are counted; column *n* of the counts is ``keys[n]``."""

    alphabet: NDArray[np.int64]  # (characters,) code points, rising
    keys: Keys  # (n-grams,), rising

    def counts(self, texts: Iterable[str]) -> csr_matrix:
        """Return how often each n-gram stands in each text, shape (texts, n-grams), float32."""
        columns: list[NDArray[np.int32]] = []
        values: list[NDArray[np.float32]] = []
        for text in texts:
            found, times = np.unique(_keys(text, self.alphabet), return_counts=True)
            places = np.searchsorted(self.keys, found)
            known = self.keys[np.minimum(places, len(self.keys) - 1)] == found
            columns.append(places[known].astype(np.int32))
            values.append(times[known].astype(np.float32))
        ends = np.cumsum([0, *(len(some) for some in columns)])
        shape = (len(columns), len(self.keys))
        return csr_matrix((np.concatenate(values), np.concatenate(columns), ends), shape=shape)

    def ngrams(self) -> NDArray[np.int32]:
        """Return the code points of each n-gram, shape (n-grams, 5), zeros after the last character."""
        points = np.zeros((len(self.keys), LONGEST), dtype=np.int32)
        alphabet = np.concatenate([[0], self.alphabet])
        lengths = sum((self.keys >> (_BITS * place) > 0).astype(np.int64) for place in range(LONGEST))
        for place in range(LONGEST):
            shift = _BITS * np.maximum(lengths - 1 - place, 0)
            points[:, place] = np.where(place < lengths, alphabet[self.keys >> shift & _MOST_CHARACTERS], 0)
        return points


def commonest_ngrams(texts: Sequence[str], most: int, least_texts: int) -> Vocabulary:
    """Return the *most* n-grams that stand in the most texts, each in *least_texts* at least.

    Exact, for an n-gram is no more common than its characters: those in fewer texts are left out beforehand, and of
    the others the 4095 commonest are kept.
    """
    frequencies = Counter(character for text in texts for character in set(text))
    frequencies.pop("\0", None)  # U+0000 means that there is no character
    common = sorted((-times, character) for character, times in frequencies.items() if times >= least_texts)
    alphabet = np.sort(np.array([ord(character) for _, character in common[:_MOST_CHARACTERS]], dtype=np.int64))
    found: list[Keys] = []
    frequency: list[NDArray[np.int64]] = []
    for size in range(SHORTEST, LONGEST + 1):  # one size after the other: all keys together take gigabytes
        keys = np.concatenate([np.unique(_keys_of_size(codes, size)) for codes in _codes(texts, alphabet)])
        keys.sort()
        begins = np.flatnonzero(np.diff(keys, prepend=-1))
        times = np.diff(begins, append=len(keys))
        found.append(keys[begins[times >= least_texts]])
        frequency.append(times[times >= least_texts])
    keys, times = np.concatenate(found), np.concatenate(frequency)
    return Vocabulary(alphabet, np.sort(keys[np.lexsort((keys, -times))[:most]]))


def _codes(texts: Iterable[str], alphabet: NDArray[np.int64]) -> Iterable[Keys]:
    return (_places(text, alphabet) for text in texts)


def _places(text: str, alphabet: NDArray[np.int64]) -> Keys:
    """The place of each character in the alphabet, counted from 1; 0 for those that are not in it."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)
    if not len(alphabet):
        return np.zeros_like(points)
    places = np.minimum(np.searchsorted(alphabet, points), len(alphabet) - 1)
    return np.where(alphabet[places] == points, places + 1, 0)


def _keys(text: str, alphabet: NDArray[np.int64]) -> Keys:
    codes = _places(text, alphabet)
    return np.concatenate([_keys_of_size(codes, size) for size in range(SHORTEST, LONGEST + 1)])


def _keys_of_size(codes: Keys, size: int) -> Keys:
    count = max(0, len(codes) - size + 1)
    keys = np.zeros(count, dtype=np.int64)
    known = np.ones(count, dtype=bool)
    for place in range(size):
        part = codes[place : place + count]
        keys = keys << _BITS | part
        known &= part > 0
    return keys[known]
