"""Keys under which near-duplicate texts are found: MinHash over word trigrams."""

from __future__ import annotations

import re
import zlib

import numpy as np
from numpy.typing import NDArray

_BANDS = 4
_ROWS_IN_A_BAND = 4
_WORD = re.compile(r"\w+")
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
_PERMUTATIONS = _splitmix(2, _BANDS * _ROWS_IN_A_BAND)[:, None]


def band_keys(text: str) -> tuple[int, ...]:
    """Return 4 keys; two texts of Jaccard similarity s share one with probability 1 − (1 − s⁴)⁴.

    Source: Broder 1997 (MinHash); Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, §3.4 (banding).
    """
    words = _WORD.findall(text.lower())
    hashes = np.fromiter((zlib.crc32(word.encode("utf-8", "replace")) + 1 for word in words), np.uint64, len(words))
    if len(hashes) < 3:
        hashes = np.concatenate([hashes, np.zeros(3 - len(hashes), np.uint64)])
    shingles = hashes[:-2] * _TRIGRAM[0] + hashes[1:-1] * _TRIGRAM[1] + hashes[2:] * _TRIGRAM[2]
    minima = ((shingles ^ (shingles >> np.uint64(29))) * _PERMUTATIONS >> np.uint64(20)).min(axis=1)
    bands = minima.reshape(_BANDS, _ROWS_IN_A_BAND)
    return tuple(zlib.crc32(band.tobytes(), number) << 3 | number for number, band in enumerate(bands))
