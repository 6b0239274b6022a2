"""Keys under which near-duplicate texts are found: MinHash over word trigrams."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BANDS = 4
_ROWS_IN_A_BAND = 4
_WORD = re.compile(r"\w+")
_SPACED = "".join(chr(code) if chr(code).isalnum() or chr(code) == "_" else " " for code in range(128))
"""What each ASCII character becomes where words are split; three times as fast as the pattern."""
_MASK = (1 << 64) - 1


def _splitmix(seed: int, count: int) -> NDArray[np.uint64]:
    """Return *count* fixed odd multipliers (Steele et al. 2014, SplitMix64), the same on every machine."""
    numbers = []
    for _ in range(count):
        seed = (seed + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        numbers.append((mixed ^ (mixed >> 31)) | 1)
    return np.array(numbers, dtype=np.uint64)


_TRIGRAM = _splitmix(1, 3)
_PERMUTATIONS = _splitmix(2, _BANDS * _ROWS_IN_A_BAND)
_LEAST_WORDS = 3
"""Words of a trigram; a shorter text is padded."""
_MOST_REMEMBERED = 1 << 16
_LONGEST_REMEMBERED = 24
"""A longer word is seldom repeated, and many of them would fill the memory."""


class _WordHashes(dict[str, int]):
    """The hashes of words, of which most occur in many texts; it begins again when it is full."""

    def __missing__(self, word: str) -> int:
        found = zlib.crc32(word.encode("utf-8", "replace")) + 1
        if len(word) <= _LONGEST_REMEMBERED:
            if len(self) >= _MOST_REMEMBERED:
                self.clear()
            self[word] = found
        return found


_HASHES = _WordHashes()


def words_of(text: str) -> list[str]:
    """Return the words that are compared, in lower case."""
    text = text.lower()
    return text.translate(_SPACED).split() if text.isascii() else _WORD.findall(text)


def band_keys(text: str) -> tuple[int, ...]:
    """Return 4 keys; two texts of Jaccard similarity s share one with probability 1 − (1 − s⁴)⁴.

    Source: Broder 1997 (MinHash); Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, §3.4 (banding).
    """
    return band_keys_of_words([words_of(text)])[0]


def band_keys_of_words(texts: Sequence[Sequence[str]], bands: int = _BANDS) -> list[tuple[int, ...]]:
    """Return the first *bands* keys of each of several texts, given as their words."""
    if not texts:
        return []
    hash_of = _HASHES.__getitem__
    hashes: list[int] = []
    starts, ends = [], []
    for words in texts:
        starts.append(len(hashes))
        hashes.extend(map(hash_of, words))
        hashes.extend([0] * (_LEAST_WORDS - len(words)))
        ends.append(len(hashes))
    numbers = np.array(hashes, dtype=np.uint64)
    shingles = numbers[:-2] * _TRIGRAM[0] + numbers[1:-1] * _TRIGRAM[1] + numbers[2:] * _TRIGRAM[2]
    shingles ^= shingles >> np.uint64(29)
    # Between two texts lie two trigrams of both, which are left out: a range ends before those.
    ranges = np.array([[start, end - 2] for start, end in zip(starts, ends, strict=True)]).ravel()[:-1]
    minima = np.stack(
        [
            np.minimum.reduceat(shingles * multiplier >> np.uint64(20), ranges)[::2]
            for multiplier in _PERMUTATIONS[: bands * _ROWS_IN_A_BAND]
        ],
        axis=1,
    )
    raw, size = minima.tobytes(), 8 * _ROWS_IN_A_BAND
    return [
        tuple(
            zlib.crc32(raw[size * (text * bands + band) : size * (text * bands + band + 1)], band) << 3 | band
            for band in range(bands)
        )
        for text in range(len(texts))
    ]
