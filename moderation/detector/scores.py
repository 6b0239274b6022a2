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
    """The score of one text; positive logits mean machine-written.

    *logit* is the raw fp32 logit, pooled over the sections by the rule of the bundle. *probability* is calibrated and
    may depend on the declared language. Both are NaN and *sections* is empty when the detector abstains: no text is
    left after normalisation, the text has fewer tokens than the bundle can score, or most of its letters are in a
    script that the bundle does not read (*other_script*). *truncated* is true when only some sections of a very long
    text were read. *tampering* reports characters that were hidden in the text; they do not change the score.
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
        """Why there is no score: ``empty``, ``short`` or ``script``; None where there is one."""
        if not math.isnan(self.logit):
            return None
        if self.other_script:
            return "script"
        return "short" if self.n_tokens else "empty"


class Detector(Protocol):
    """Scores texts; the same text in the same language gets the same score alone or among any others."""

    manifest_hash: str

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        """Return one score per text, in order.

        *languages* stand beside the texts: BCP 47 tags as their authors or platforms declare them, None where none
        is declared. They decide between calibrations; logits do not depend on them.
        """

    def describe(self) -> str:
        """Return which bundle runs, at which precision and where."""
