"""From a text as it was posted to the token sections that the model reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from moderation.detector.manifest import SpecialTokens
from moderation.detector.windows import windows
from moderation.text import normalise

# Enough for 64 KiB of ordinary writing at 126 tokens a section; bounds the time that a hostile text can take.
MOST_SECTIONS = 160


@dataclass(frozen=True)
class Section:
    """Token ids with special tokens, shape (tokens + 2,), and where they stand in the normalised text."""

    ids: NDArray[np.int64]
    start: int
    end: int


@dataclass(frozen=True)
class CutText:
    """All sections of one text; none when nothing was left after normalisation."""

    sections: tuple[Section, ...]
    n_tokens: int
    truncated: bool


class SectionCutter:
    """Normalises, tokenises and cuts texts as one bundle demands."""

    def __init__(self, tokenizer: Tokenizer, special: SpecialTokens, max_tokens: int, max_text_bytes: int) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._special = special
        self._max_tokens = max_tokens
        self._max_text_bytes = max_text_bytes

    def cut(self, text: str) -> CutText:
        """Return overlapping sections that cover every token, or a fixed set of them for a very long text."""
        kept, cut_before = within_bytes(text, self._max_text_bytes)
        clean, cut_after = within_bytes(normalise(kept), self._max_text_bytes)
        encoding = self._tokenizer.encode(clean, add_special_tokens=False)
        ids = np.array(encoding.ids, dtype=np.int64)
        spans = windows(len(ids), self._max_tokens)
        truncated = cut_before or cut_after or len(spans) > MOST_SECTIONS
        if len(spans) > MOST_SECTIONS:
            step = (len(spans) - 1) / (MOST_SECTIONS - 1)
            spans = [spans[round(number * step)] for number in range(MOST_SECTIONS)]
        offsets = encoding.offsets if spans else []
        sections = tuple(
            Section(
                np.concatenate([[self._special.first], ids[begin:end], [self._special.last]]),
                offsets[begin][0],
                offsets[end - 1][1],
            )
            for begin, end in spans
        )
        return CutText(sections, len(ids), truncated)

    def token_ids(self, text: str) -> tuple[int, ...]:
        """Return the ids of the normalised text, without special tokens."""
        return tuple(self._tokenizer.encode(normalise(text), add_special_tokens=False).ids)


def within_bytes(text: str, most: int) -> tuple[str, bool]:
    """Return *text*, or its beginning, middle and end in *most* UTF-8 bytes together, and whether it was cut."""
    if len(text) * 4 <= most:
        return text, False
    raw = text.encode("utf-8", "replace")
    if len(raw) <= most:
        return text, False
    third = most // 3
    middle = (len(raw) - third) // 2
    pieces = (raw[:third], raw[middle : middle + third], raw[-third:])
    return " ".join(piece.decode("utf-8", "ignore") for piece in pieces), True
