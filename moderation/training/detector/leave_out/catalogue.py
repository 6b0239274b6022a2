"""Which candidates there are, and which are compared unless others are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from moderation.errors import InputError
from moderation.training.detector.distillation.lessons import Teacher
from moderation.training.detector.leave_out.candidates import REFERENCE, Candidate, parts_of
from moderation.training.detector.leave_out.encoders import Encoder
from moderation.training.detector.leave_out.ngrams import Words, balanced_characters, balanced_words
from moderation.training.detector.leave_out.shapes import Shapes
from moderation.training.detector.leave_out.zero_shot import COMPANION, ZERO_SHOT, ZeroShot
from moderation.training.detector.loop import TrainingPlan

DEFAULT = (REFERENCE, "words-balanced", "characters", "shapes")
"""Those that need minutes; an encoder needs hours, so it is asked for by name."""

_ATTACKED_SHARE = 0.25
_HARD_NEGATIVE_SHARE = 0.3

TAUGHT = "encoder-taught"


def check_companion(names: Sequence[str], companion: Path | None, teacher: Path | None) -> None:
    """Raise InputError when a candidate that needs a *companion*, or a *teacher*, is asked for and there is none."""
    given = {ZERO_SHOT: companion, COMPANION: companion, TAUGHT: teacher}
    needing = [part for name in names for part in parts_of(name) if part in given and given[part] is None]
    if needing:
        raise InputError(f"The candidate {needing[0]} needs a language model: give its bundle with --companion DIR.")


def catalogue(
    steps: int,
    start_from: Path,
    device: torch.device,
    zero_shot: ZeroShot | None = None,
    teacher: Teacher | None = None,
    *,
    lessons: int = TrainingPlan.taught_per_stratum,
    curvature_share: float = TrainingPlan.curvature_share,
    bf16: bool = False,
) -> dict[str, Candidate]:
    """Return every candidate by name; encoders begin at *start_from* and take *steps* steps, in bfloat16 with *bf16*.

    *zero_shot*, and the encoder that *teacher* teaches from *lessons* texts of each source and label, with
    *curvature_share* of the say for what it taught, are among them where there is a companion.
    """
    plain = TrainingPlan(steps=steps, attacked_share=0.0, bf16=bf16)
    attacked = replace(plain, attacked_share=_ATTACKED_SHARE)
    hard = replace(
        attacked,
        hard_negative_share=_HARD_NEGATIVE_SHARE,
        hard_negative_from=steps // 2,
    )
    known: dict[str, Candidate] = {
        REFERENCE: Words(),
        "words-balanced": balanced_words(),
        "characters": balanced_characters(),
        "shapes": Shapes(),
        "encoder": Encoder(plain, start_from, device),
        "encoder-attacked": Encoder(attacked, start_from, device),
        "encoder-hard": Encoder(hard, start_from, device),
        "encoder-robust": Encoder(replace(hard, group_robust=True), start_from, device),
    }
    if zero_shot is not None:
        known |= {ZERO_SHOT: zero_shot, COMPANION: zero_shot.heard()}
    if teacher is not None:
        taught = replace(
            hard, teacher=teacher.manifest_hash, taught_per_stratum=lessons, curvature_share=curvature_share
        )
        known[TAUGHT] = Encoder(taught, start_from, device, teacher)
    return known
