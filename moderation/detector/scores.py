"""What a detector says about a text, and what every detector promises."""

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
    """What the network alone says of one text: the score before its calibration, whatever language is declared."""

    logit: float
    sections: tuple[SectionScore, ...]
    n_tokens: int
    truncated: bool
    tampering: Tampering = UNTOUCHED
    other_script: bool = False


@dataclass(frozen=True)
class PartScores:
    """What the two parts of a joined bundle say of one text, in standard deviations; positive for machine-written.

    *companion* is bounded, and NaN where it is not heard on the text: it then counts as 0.
    """

    detector: float
    companion: float

    def in_words(self) -> str:
        """Return one sentence for a reviewer."""
        trained = f"Of the text the trained detector says {self.detector:+.1f}"
        scale = "in standard deviations (above 0: like a machine's)"
        if math.isnan(self.companion):
            return (
                f"{trained}, {scale}. The language model is not heard and counts as 0: the text is too short, repeats "
                "itself, or is written in a way that it has no words for."
            )
        return f"{trained}, the figures of how expected its words were {self.companion:+.1f}, {scale}."


@dataclass(frozen=True)
class ContentScore:
    """The score of one text, positive logits for machine-written.

    *logit* is raw fp32: the sections' logits joined by the rule of the bundle; of a joined bundle it is calibrated
    log-odds, and the sections keep the logits of the detector in it. *probability* is the calibrated
    synthetic score, which may depend on the declared language. Both are NaN, and *sections* is empty, when the detector
    abstains: nothing is left of the text after normalisation, or fewer tokens than the bundle can judge, or
    *other_script*, most of its letters are in a script that the bundle does not read.
    *truncated* says that only a fixed set of sections of a very long text was read, *tampering* what had been hidden in
    the text; the network reads it as if nothing had. *parts* has what the parts of a joined bundle say, None of others.
    """

    logit: float
    probability: float
    sections: tuple[SectionScore, ...]
    n_tokens: int
    truncated: bool
    tampering: Tampering = UNTOUCHED
    parts: PartScores | None = None
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

        *languages* stand beside the texts: BCP 47 tags as their authors or platforms declare them, None where nobody
        did. They decide between calibrations; logits do not depend on them.
        """

    def describe(self) -> str:
        """Say in words which bundle runs, at which precision and where."""
