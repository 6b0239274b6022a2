"""Counts n-grams in texts, encoded as integers.

scikit-learn's CountVectorizer counts the same; for characters it takes ten times the time and memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from moderation.detector.manifest import NgramUnit
from moderation.detector.ngrams import UNITS_OF

SIZES: dict[NgramUnit, tuple[int, int]] = {"characters": (2, 5), "words": (1, 2)}
"""Number of units of the shortest and the longest n-grams."""
_KEY_BITS = 60

Keys = NDArray[np.int64]
"""N-grams as integers: the positions of their units in the alphabet, from 1, packed into 60 bits."""


@dataclass(frozen=True)
class Vocabulary:
    """The n-grams that are counted; column *n* of the counts is ``keys[n]``."""

    unit: NgramUnit
    alphabet: NDArray[Any]  # (units,) code points or words, rising
    keys: Keys  # (n-grams,), rising

    def counts(self, texts: Iterable[str]) -> csr_matrix:
        """Return the count of each n-gram in each text, shape (texts, n-grams), float32."""
        columns: list[NDArray[np.int32]] = []
        values: list[NDArray[np.float32]] = []
        for text in texts:
            found, times = np.unique(self._keys(text), return_counts=True)
            places = np.searchsorted(self.keys, found)
            known = self.keys[np.minimum(places, len(self.keys) - 1)] == found
            columns.append(places[known].astype(np.int32))
            values.append(times[known].astype(np.float32))
        ends = np.cumsum([0, *(len(some) for some in columns)])
        shape = (len(columns), len(self.keys))
        return csr_matrix((np.concatenate(values), np.concatenate(columns), ends), shape=shape)

    def ngrams(self) -> NDArray[Any]:
        """Return the code points or words of each n-gram, shape (n-grams, longest), 0 or "" after the last."""
        longest, bits = SIZES[self.unit][1], _bits(self.unit)
        alphabet = (
            np.array([0, *self.alphabet], dtype=np.int32)
            if self.unit == "characters"
            else np.array(["", *self.alphabet], dtype=np.str_)
        )
        lengths = sum((self.keys >> (bits * place) > 0).astype(np.int64) for place in range(longest))
        units = np.empty((len(self.keys), longest), dtype=alphabet.dtype)
        for place in range(longest):
            shift = bits * np.maximum(lengths - 1 - place, 0)
            units[:, place] = alphabet[np.where(place < lengths, self.keys >> shift & (2**bits - 1), 0)]
        return units

    def _keys(self, text: str) -> Keys:
        shortest, longest = SIZES[self.unit]
        places = _places(text, self.unit, self.alphabet)
        return np.concatenate([_keys_of_size(places, size, _bits(self.unit)) for size in range(shortest, longest + 1)])


def commonest_ngrams(texts: Sequence[str], unit: NgramUnit, most: int, least_texts: int) -> Vocabulary:
    """Return the *most* n-grams that occur in the most texts, each in at least *least_texts*.

    The result is exact, because an n-gram is at most as common as its units: units in fewer texts are excluded first.
    Of the characters, the 4095 most common are kept.
    """
    frequencies = Counter(each for text in texts for each in set(UNITS_OF[unit](text).tolist()))
    frequencies.pop(0, None)  # U+0000 marks the absence of a character
    common = sorted((-times, each) for each, times in frequencies.items() if times >= least_texts)
    kept = sorted(each for _, each in common[: 2 ** _bits(unit) - 1])
    alphabet = np.array(kept, dtype=np.int64 if unit == "characters" else object)
    shortest, longest = SIZES[unit]
    found: list[Keys] = []
    frequency: list[NDArray[np.int64]] = []
    for size in range(shortest, longest + 1):  # one size at a time: all keys together take gigabytes
        found_in = (_keys_of_size(_places(text, unit, alphabet), size, _bits(unit)) for text in texts)
        keys = np.concatenate([np.unique(keys) for keys in found_in])
        keys.sort()
        begins = np.flatnonzero(np.diff(keys, prepend=-1))
        times = np.diff(begins, append=len(keys))
        found.append(keys[begins[times >= least_texts]])
        frequency.append(times[times >= least_texts])
    keys, times = np.concatenate(found), np.concatenate(frequency)
    return Vocabulary(unit, alphabet, np.sort(keys[np.lexsort((keys, -times))[:most]]))


def _bits(unit: NgramUnit) -> int:
    return _KEY_BITS // SIZES[unit][1]


def _places(text: str, unit: NgramUnit, alphabet: NDArray[Any]) -> Keys:
    """Return the position of each unit in the alphabet, from 1; 0 for units outside it."""
    units = UNITS_OF[unit](text)
    if not len(alphabet):
        return np.zeros(len(units), dtype=np.int64)
    places = np.minimum(np.searchsorted(alphabet, units), len(alphabet) - 1)
    return np.where(alphabet[places] == units, places + 1, 0)


def _keys_of_size(codes: Keys, size: int, bits: int) -> Keys:
    count = max(0, len(codes) - size + 1)
    keys = np.zeros(count, dtype=np.int64)
    known = np.ones(count, dtype=bool)
    for place in range(size):
        part = codes[place : place + count]
        keys = keys << bits | part
        known &= part > 0
    return keys[known]
