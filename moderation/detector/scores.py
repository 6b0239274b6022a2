"""The score of a text, and the protocol of a detector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from moderation.text import UNTOUCHED, Tampering

Abstention = Literal["empty", "short", "script"]


@dataclass(frozen=True)
class SectionScore:
    """The raw logit of one section; *start* and *end* are character offsets in the normalised text."""

    start: int
    end: int
    logit: float


@dataclass(frozen=True)
class RawScore:
    """The score of one text before calibration."""

    logit: float
    sections: tuple[SectionScore, ...]
    n_tokens: int
    truncated: bool
    tampering: Tampering = UNTOUCHED
    other_script: bool = False


@dataclass(frozen=True)
class ContentScore:
    """The score of one text; positive logits mean machine text.

    *logit* is the raw fp32 logit, pooled over the sections by the rule of the bundle. *probability* is calibrated and
    may depend on the declared language. Both are NaN and *sections* is empty when the detector abstains: the text is
    empty after normalisation, has fewer tokens than the bundle can score, or has most of its letters in a script that
    the bundle does not score (*other_script*). *truncated* is true when only some sections of a very long text were
    scored. *tampering* counts characters that were hidden in the text; they do not change the score.
    """

    logit: float
    probability: float
    sections: tuple[SectionScore, ...]
    n_tokens: int
    truncated: bool
    tampering: Tampering = UNTOUCHED
    other_script: bool = False

    @property
    def abstained(self) -> Abstention | None:
        """Reason for the missing score: ``empty``, ``short`` or ``script``; None where there is a score."""
        if not math.isnan(self.logit):
            return None
        if self.other_script:
            return "script"
        return "short" if self.n_tokens else "empty"


class Detector(Protocol):
    """Scores texts; a score depends only on the text and its declared language."""

    manifest_hash: str

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        """Return one score per text, in order.

        *languages*, one per text, are BCP 47 tags as their authors or platforms declare them, None where none is
        declared. They select the calibration; logits do not depend on them.
        """

    def describe(self) -> str:
        """Return which bundle runs, at which precision and where."""
