"""The texts that the companion teaches with, and what it said of their tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.detector.companion import Companion
from moderation.text import normalise
from moderation.training.detector.kept_by_text import KeptByText
from moderation.training.detector.partition import keyed_fraction
from moderation.training.detector.rows import TextRow
from moderation.training.detector.slices import sample_per_stratum

MOST_WORDS = 110
"""Of a longer text a stretch of so many words is read: about the longest crop that the encoder learns from."""
MOST_CHARACTERS = 900
"""The bound where words are long or no blanks stand between them; the companion reads so much as a whole."""
_FIGURES_OF_A_TOKEN = 6


@dataclass(frozen=True)
class Lesson:
    """What the companion said of a stretch of a row's normalised text, token by token.

    *spans* has shape (tokens, 2): where each token begins and ends in *text*. *figures* has shape (tokens, 4): log
    probability, its expectation and its variance in nats, and the rank from 0.
    """

    row: TextRow
    text: str
    spans: NDArray[np.int64]
    figures: NDArray[np.float64]


class Teacher:
    """A companion whose lessons are kept in *folder*, each computed once.

    Whoever has the companion can compute a text from the ranks of its tokens: treat the file as you treat the texts.
    """

    def __init__(self, companion: Companion, folder: Path) -> None:
        self.manifest_hash = companion.manifest_hash
        self._companion = companion
        self._file = folder / f"lessons-{companion.manifest_hash}.jsonl"

    def lessons(self, rows: Sequence[TextRow], advance: Callable[[int], None]) -> list[Lesson]:
        """Return the lessons of *rows*, without those of which the companion says nothing.

        *advance* is told of texts read.
        """
        stretches = [stretch_of(row) for row in rows]
        # Read anew each time, and let go: as lists they take many times the room of the arrays.
        read = KeptByText(self._file, self._compute, _is_whole).of(stretches, advance)
        return [
            Lesson(row, text, *_arrays(tokens))
            for row, text, tokens in zip(rows, stretches, read, strict=True)
            if tokens
        ]

    def _compute(self, texts: Sequence[str]) -> list[list[list[float]]]:
        return [
            [
                [
                    token.start,
                    token.end,
                    round(token.log_probability, 4),
                    round(token.expected, 4),
                    round(token.variance, 4),
                    token.rank,
                ]
                for token in score.tokens
            ]
            for score in self._companion.score(list(texts))
        ]


def taught_rows(rows: Sequence[TextRow], per_stratum: int) -> list[TextRow]:
    """Return at most *per_stratum* rows of each source and label, chosen by keyed hash, and half of a lone label.

    A source of one label can teach less, and has many texts. The order is that in which a fold of a comparison takes
    its rows, so that its lessons are those of a run on all of them.
    """
    strata = {(row.source, row.label) for row in rows}
    lone = [(row.source, 1 - row.label) not in strata for row in rows]
    both = sample_per_stratum([row for row, alone in zip(rows, lone, strict=True) if not alone], per_stratum)
    few = max(1, per_stratum // 2)
    return both + sample_per_stratum([row for row, alone in zip(rows, lone, strict=True) if alone], few)


def stretch_of(row: TextRow) -> str:
    """Return the row's normalised text, or a stretch of a long one that depends on the row's id alone."""
    words = normalise(row.text).split(" ")
    begin = int(keyed_fraction(row.id, "distil from") * (max(0, len(words) - MOST_WORDS) + 1))
    # The companion normalises what it gets, and a quotation may now begin the text: its places must be those of ours.
    return normalise(" ".join(words[begin : begin + MOST_WORDS])[:MOST_CHARACTERS])


def _arrays(tokens: Sequence[Sequence[float]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    every = np.array(tokens, dtype=np.float64)
    return every[:, :2].astype(np.int64), every[:, 2:]


def _is_whole(value: Any) -> bool:
    return isinstance(value, list) and all(len(token) == _FIGURES_OF_A_TOKEN for token in value)
