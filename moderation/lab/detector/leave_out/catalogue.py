"""The candidates, and those that are compared by default."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from moderation.lab.detector.leave_out.candidates import REFERENCE, Candidate
from moderation.lab.detector.leave_out.encoders import Encoder
from moderation.lab.detector.leave_out.ngrams import Words, balanced_characters, balanced_words
from moderation.lab.detector.loop import TrainingPlan

DEFAULT = (REFERENCE, "words-balanced", "characters")
"""The candidates that need minutes; an encoder needs hours, so that it must be named."""

_ATTACKED_SHARE = 0.25
_HARD_NEGATIVE_SHARE = 0.3


def catalogue(steps: int, start_from: Path, device: torch.device, *, bf16: bool = False) -> dict[str, Candidate]:
    """Return every candidate by name; an encoder starts from *start_from* and trains for *steps* steps."""
    plain = TrainingPlan(steps=steps, attacked_share=0.0, bf16=bf16)
    attacked = replace(plain, attacked_share=_ATTACKED_SHARE)
    hard = replace(attacked, hard_negative_share=_HARD_NEGATIVE_SHARE, hard_negative_from=steps // 2)
    return {
        REFERENCE: Words(),
        "words-balanced": balanced_words(),
        "characters": balanced_characters(),
        "encoder": Encoder(plain, start_from, device),
        "encoder-attacked": Encoder(attacked, start_from, device),
        "encoder-hard": Encoder(hard, start_from, device),
    }
