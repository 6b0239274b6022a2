"""From a text as it was posted to the windows of tokens that a companion reads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from moderation.detector.companion.statistics import LEAST_TOKENS
from moderation.detector.sections import seen_of
from moderation.detector.tokenizing import prepared
from moderation.text import normalise

MOST_WINDOWS = 8
"""Of one text, unless a bundle reads fewer: of 254 tokens each, some 1500 words. It bounds what a text can cost."""


@dataclass(frozen=True)
class Window:
    """Token ids, the first token before them, shape (tokens + 1,), and each token's place in the normalised text."""

    ids: NDArray[np.int64]
    offsets: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ReadText:
    """The windows of one text; none when it has fewer than four tokens."""

    windows: tuple[Window, ...]
    truncated: bool


class TextReader:
    """Normalises, tokenises and cuts texts as one bundle demands."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        first_id: int,
        max_tokens: int,
        max_text_bytes: int,
        most_windows: int = MOST_WINDOWS,
    ) -> None:
        self._tokenizer = prepared(tokenizer)
        self._first = first_id
        self._max_tokens = max_tokens
        self._max_text_bytes = max_text_bytes
        self._most_windows = most_windows

    def read(self, text: str) -> ReadText:
        """Return windows that cover every token once, or as many as may be, spread evenly over a very long text."""
        seen, cut = seen_of(text, self._max_text_bytes)
        encoding = self._tokenizer.encode(_without_surrogates(seen.text), add_special_tokens=False)
        ids = np.array(encoding.ids, dtype=np.int64)
        if len(ids) < LEAST_TOKENS:
            return ReadText((), cut)
        spans = spans_of(len(ids), self._max_tokens)
        truncated = cut or len(spans) > self._most_windows
        if len(spans) > self._most_windows:
            step = (len(spans) - 1) / max(1, self._most_windows - 1)
            spans = [spans[round(number * step)] for number in range(self._most_windows)]
        offsets = encoding.offsets
        return ReadText(
            tuple(
                Window(np.concatenate([[self._first], ids[begin:end]]), tuple(offsets[begin:end]))
                for begin, end in spans
            ),
            truncated,
        )

    def characters_per_token(self, text: str) -> float:
        """Return how many characters, blanks aside, a token of the text has on average; NaN where it has none."""
        seen, _ = seen_of(text, self._max_text_bytes)
        tokens = len(self._tokenizer.encode(_without_surrogates(seen.text), add_special_tokens=False).ids)
        return len("".join(seen.text.split())) / tokens if tokens else math.nan

    def token_ids(self, text: str) -> tuple[int, ...]:
        """Return the ids of the normalised text, without the first token."""
        return tuple(self._tokenizer.encode(cleaned(text), add_special_tokens=False).ids)


def cleaned(text: str) -> str:
    """Return the text as the tokenizer gets it: normalised, and of characters only."""
    return _without_surrogates(normalise(text))


def spans_of(n_tokens: int, most: int) -> list[tuple[int, int]]:
    """Return (begin, end) of the fewest windows of at most *most* tokens, equal in length to within one token.

    They do not overlap, so every token counts once; equal, so that no window is a last word without what it follows.
    """
    count = -(-n_tokens // most)
    bounds = [number * n_tokens // count for number in range(count + 1)] if count else []
    return list(pairwise(bounds))


def _without_surrogates(text: str) -> str:
    """Half of a pair of UTF-16 is no character, and the tokenizer takes none; the length stays."""
    return text.encode("utf-8", "replace").decode("utf-8")
