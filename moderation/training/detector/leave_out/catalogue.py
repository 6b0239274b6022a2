"""Which candidates there are, and which are compared unless others are asked for."""

from __future__ import annotations

from pathlib import Path

import torch

from moderation.training.detector.leave_out.candidates import REFERENCE, Candidate
from moderation.training.detector.leave_out.encoders import Encoder
from moderation.training.detector.leave_out.ngrams import Words, balanced_characters, balanced_words
from moderation.training.detector.leave_out.shapes import Shapes
from moderation.training.detector.leave_out.zero_shot import ZERO_SHOT, ZeroShot
from moderation.training.detector.loop import TrainingPlan

DEFAULT = (REFERENCE, "words-balanced", "characters", "shapes")
"""Those that need minutes; an encoder needs hours, so it is asked for by name."""

_ATTACKED_SHARE = 0.25
_HARD_NEGATIVE_SHARE = 0.3


def catalogue(
    steps: int, start_from: Path, device: torch.device, zero_shot: ZeroShot | None = None
) -> dict[str, Candidate]:
    """Return every candidate by name; encoders begin at *start_from* and take *steps* steps.

    *zero_shot* is one of them where there is a companion.
    """
    hard = TrainingPlan(
        steps=steps,
        attacked_share=_ATTACKED_SHARE,
        hard_negative_share=_HARD_NEGATIVE_SHARE,
        hard_negative_from=steps // 2,
    )
    known: dict[str, Candidate] = {
        REFERENCE: Words(),
        "words-balanced": balanced_words(),
        "characters": balanced_characters(),
        "shapes": Shapes(),
        "encoder": Encoder(TrainingPlan(steps=steps, attacked_share=0.0), start_from, device),
        "encoder-attacked": Encoder(TrainingPlan(steps=steps, attacked_share=_ATTACKED_SHARE), start_from, device),
        "encoder-hard": Encoder(hard, start_from, device),
    }
    if zero_shot is not None:
        known[ZERO_SHOT] = zero_shot
    return known
