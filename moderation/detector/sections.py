"""From a text as it was posted to the sections that the model reads: of tokens, or of characters."""

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

# Enough for 64 KiB of ordinary writing at 126 tokens a section; bounds the time that a hostile text can take.
MOST_SECTIONS = 160
# Ordinary writing does not grow: not one of the training texts doubles.
_MOST_GROWTH = 2
_ALWAYS_READ_BYTES = 256
_WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Section:
    """Token ids with special tokens, shape (tokens + 2,), or code points, shape (characters,).

    *text* is the piece of the normalised text from *start* to *end*.
    """

    ids: NDArray[np.int64]
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class CutText:
    """All sections of one text; none when nothing was left after normalisation, which *text* is."""

    text: str
    sections: tuple[Section, ...]
    n_tokens: int
    truncated: bool
    tampering: Tampering


class Cutter(Protocol):
    """Normalises and cuts texts as one bundle demands."""

    def cut(self, text: str) -> CutText:
        """Return overlapping sections that cover the text, or a fixed set of them for a very long one."""

    def token_ids(self, text: str) -> tuple[int, ...]:
        """Return what of the whole normalised text the model reads, without special tokens."""

    def token_ends(self, clean: str) -> list[int]:
        """Return where in the normalised text each of the tokens ends that are counted as its length."""


class SectionCutter:
    """Normalises, tokenises and cuts texts as one bundle demands."""

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
    """Normalises and cuts texts for a bundle that has no tokenizer, by characters."""

    def __init__(self, max_characters: int, max_text_bytes: int) -> None:
        self._max_characters = max_characters
        self._max_text_bytes = max_text_bytes

    def cut(self, text: str) -> CutText:
        """Return overlapping sections that cover every character, or a fixed set of them for a very long text.

        Words and signs are counted as tokens: the count comes near to a tokenizer's, and bounds in tokens, such as
        those of the calibration, keep their meaning.
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
    """Return at most MOST_SECTIONS of *spans*, evenly spread, and whether any were left out."""
    if len(spans) <= MOST_SECTIONS:
        return spans, False
    step = (len(spans) - 1) / (MOST_SECTIONS - 1)
    return [spans[round(number * step)] for number in range(MOST_SECTIONS)], True


def seen_of(text: str, most_bytes: int) -> tuple[Normalised, bool]:
    """Return what a model reads of *text*, at most *most_bytes* of it in UTF-8, and whether anything was cut off.

    A sign that stands for a sentence is three bytes and becomes thirty. What a text costs may be bounded by its bytes
    alone, so it may grow to twice its size and no more.
    """
    kept, cut_before = within_bytes(text, most_bytes)
    seen = normalised(kept)
    most = min(most_bytes, max(_ALWAYS_READ_BYTES, _MOST_GROWTH * len(kept.encode("utf-8", "replace"))))
    clean, cut_after = within_bytes(seen.text, most)
    return replace(seen, text=clean), cut_before or cut_after


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
