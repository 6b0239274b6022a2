"""What a detector says about a text, and what every detector promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class SectionScore:
    """The raw logit of one section; *start* and *end* are character offsets in the normalised text."""

    start: int
    end: int
    logit: float


@dataclass(frozen=True)
class ContentScore:
    """The score of one text, positive logits for machine-written.

    *logit* is raw fp32: the mean of the sections' logits weighted by their tokens. *probability* is the calibrated
    synthetic score. Both are NaN, and *sections* is empty, when the detector abstains because nothing is left of the
    text after normalisation. *truncated* says that only a fixed set of sections of a very long text was read.
    """

    logit: float
    probability: float
    sections: tuple[SectionScore, ...]
    n_tokens: int
    truncated: bool


class Detector(Protocol):
    """Scores texts; the same text gets the same score alone or among any others."""

    manifest_hash: str

    def score(self, texts: Sequence[str]) -> list[ContentScore]:
        """Return one score per text, in order."""

    def describe(self) -> str:
        """Say in words which bundle runs, at which precision and where."""
