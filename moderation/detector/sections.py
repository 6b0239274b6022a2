"""Splits posted texts into the sections that a model scores: of tokens, or of characters."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from moderation.detector.manifest import SpecialTokens
from moderation.detector.tokenizing import PlainIds, prepared
from moderation.detector.windows import windows
from moderation.text import Normalised, Tampering, normalise, normalised

# Enough for 64 KiB of ordinary text at 126 tokens a section; bounds the time for a hostile text.
MOST_SECTIONS = 160
# Normalisation of ordinary text does not double its size: none of the training texts does.
_MOST_GROWTH = 2
_ALWAYS_READ_BYTES = 256
_WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Section:
    """Token ids with special tokens, shape (tokens + 2,), or code points, shape (characters,).

    *text* is the part of the normalised text from *start* to *end*.
    """

    ids: NDArray[np.int64]
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class CutText:
    """All sections of one text; none when *text*, the normalised text, is empty."""

    text: str
    sections: tuple[Section, ...]
    n_tokens: int
    truncated: bool
    tampering: Tampering


class Cutter(Protocol):
    """Normalises texts and splits them into sections, as a bundle requires."""

    def cut(self, text: str) -> CutText:
        """Return overlapping sections that cover the text, or a fixed set of them for a very long one."""

    def token_ids(self, text: str) -> tuple[int, ...]:
        """Return the model input for the complete normalised text, without special tokens."""

    def token_ends(self, clean: str) -> list[int]:
        """Return the end of each token in the normalised text; their number is the length of the text."""


class SectionCutter:
    """Normalises and tokenises texts and splits them into sections, as a bundle requires."""

    def __init__(self, tokenizer: Tokenizer, special: SpecialTokens, max_tokens: int, max_text_bytes: int) -> None:
        self._tokenizer = prepared(tokenizer)
        self._plain = PlainIds(tokenizer)
        self._special = special
        self._max_tokens = max_tokens
        self._max_text_bytes = max_text_bytes

    def cut(self, text: str) -> CutText:
        """Return overlapping sections that cover every token, or a fixed set of them for a very long text."""
        seen, cut = seen_of(text, self._max_text_bytes)
        encoding = self._tokenizer.encode(seen.text, add_special_tokens=False)
        ids = self._plain.of(encoding.ids)
        spans, thinned = _spread(windows(len(ids), self._max_tokens))
        offsets = encoding.offsets if spans else []
        sections = tuple(
            Section(
                np.concatenate([[self._special.first], ids[begin:end], [self._special.last]]),
                offsets[begin][0],
                offsets[end - 1][1],
                seen.text[offsets[begin][0] : offsets[end - 1][1]],
            )
            for begin, end in spans
        )
        return CutText(seen.text, sections, len(ids), cut or thinned, seen.tampering)

    def token_ids(self, text: str) -> tuple[int, ...]:
        """Return the ids of the normalised text, without special tokens."""
        return tuple(self._plain.of(self._tokenizer.encode(normalise(text), add_special_tokens=False).ids).tolist())

    def token_ends(self, clean: str) -> list[int]:
        """Return where each token of a normalised text ends."""
        return [end for _, end in self._tokenizer.encode(clean, add_special_tokens=False).offsets]


class CharacterCutter:
    """Normalises texts and splits them by characters, for a bundle without a tokenizer."""

    def __init__(self, max_characters: int, max_text_bytes: int) -> None:
        self._max_characters = max_characters
        self._max_text_bytes = max_text_bytes

    def cut(self, text: str) -> CutText:
        """Return overlapping sections that cover every character, or a fixed set of them for a very long text.

        Words and signs are counted as tokens. The count is close to that of a tokenizer, so that bounds in tokens, such
        as those of the calibration, have the same meaning.
        """
        seen, cut = seen_of(text, self._max_text_bytes)
        clean = seen.text
        spans, thinned = _spread(windows(len(clean), self._max_characters))
        sections = tuple(Section(code_points(clean[begin:end]), begin, end, clean[begin:end]) for begin, end in spans)
        return CutText(clean, sections, len(_WORD_OR_SIGN.findall(clean)), cut or thinned, seen.tampering)

    def token_ids(self, text: str) -> tuple[int, ...]:
        """Return the code points of the normalised text."""
        return tuple(code_points(normalise(text)).tolist())

    def token_ends(self, clean: str) -> list[int]:
        """Return where each word or sign of a normalised text ends."""
        return [word.end() for word in _WORD_OR_SIGN.finditer(clean)]


def code_points(text: str) -> NDArray[np.int64]:
    """Return the Unicode code points of *text*, shape (characters,)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)


def _spread(spans: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], bool]:
    """Return at most MOST_SECTIONS of *spans*, evenly spread, and whether any were dropped."""
    if len(spans) <= MOST_SECTIONS:
        return spans, False
    step = (len(spans) - 1) / (MOST_SECTIONS - 1)
    return [spans[round(number * step)] for number in range(MOST_SECTIONS)], True


def seen_of(text: str, most_bytes: int) -> tuple[Normalised, bool]:
    """Return the normalised form of *text*, of at most *most_bytes* in UTF-8, and whether it was truncated.

    A sign that stands for a sentence grows from three bytes to thirty. The result has at most twice the size of the
    text, so that the size of a text bounds its cost.
    """
    kept, cut_before = within_bytes(text, most_bytes)
    seen = normalised(kept)
    most = min(most_bytes, max(_ALWAYS_READ_BYTES, _MOST_GROWTH * len(kept.encode("utf-8", "replace"))))
    clean, cut_after = within_bytes(seen.text, most)
    return replace(seen, text=clean), cut_before or cut_after


def within_bytes(text: str, most: int) -> tuple[str, bool]:
    """Return *text*, or its beginning, middle and end in *most* UTF-8 bytes together, and whether it was truncated."""
    if len(text) * 4 <= most:
        return text, False
    raw = text.encode("utf-8", "replace")
    if len(raw) <= most:
        return text, False
    third = most // 3
    middle = (len(raw) - third) // 2
    pieces = (raw[:third], raw[middle : middle + third], raw[-third:])
    return " ".join(piece.decode("utf-8", "ignore") for piece in pieces), True
