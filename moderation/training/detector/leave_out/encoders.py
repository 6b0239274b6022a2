"""Candidates that are the encoder of the training loop, trained on the rows of a fold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from moderation.checksum import sha256_of
from moderation.training.detector.batches import tokenise
from moderation.training.detector.distillation.lessons import Teacher
from moderation.training.detector.leave_out.candidates import Scorer
from moderation.training.detector.loop import CHECKPOINT, TrainingPlan, special_tokens, train_on
from moderation.training.detector.model import load_classifier
from moderation.training.detector.rows import TextRow
from moderation.training.detector.validation import logits_of

_DECIDE = ("steps", "batch_texts", "peak_learning_rate", "warmup_steps", "cooldown_share", "attacked_share", "seed")
# Named only where they differ from the default: kept scores are known by the description, and older ones lack these.
_DECIDE_WHERE_SET = (
    "hard_negative_share",
    "hard_negative_from",
    "hard_negative_every",
    "hard_negative_pool",
    "group_robust",
    "teacher",
    "bf16",
)
# Always named where there is a teacher: what it taught with by default has changed.
_OF_A_TEACHER = ("taught_share", "taught_per_stratum")


class Encoder:
    """The model that the training loop gives for a plan; an interrupted run continues in its folder."""

    def __init__(
        self, plan: TrainingPlan, start_from: Path, device: torch.device, teacher: Teacher | None = None
    ) -> None:
        """Train by *plan*, and where it names a *teacher* with that one's lessons."""
        self._plan = plan
        self._start_from = start_from
        self._device = device
        self._teacher = teacher

    @property
    def description(self) -> str:
        """The training, and how the head that a teacher taught is joined with that of the labels."""
        joined = f", curvature_share {self._plan.curvature_share}" if self._teacher else ""
        return self.training + joined

    @cached_property
    def training(self) -> str:
        """The checkpoint it starts from, by its weights, and what the plan says."""
        weights = hashlib.sha256()
        found = [*self._start_from.glob("*.safetensors"), *self._start_from.glob("*.bin")]
        for file in sorted(found or self._start_from.glob("config.json")):  # without weights it begins at random
            weights.update(f"{file.name}\0{sha256_of(file)}\0".encode())
        values, defaults = asdict(self._plan), {field.name: field.default for field in fields(self._plan)}
        named = [*_DECIDE, *(name for name in _DECIDE_WHERE_SET if values[name] != defaults[name])]
        named += _OF_A_TEACHER if self._teacher else ()
        settings = ", ".join(f"{name} {values[name]}" for name in named)
        return f"encoder {weights.hexdigest()[:12]} after the training loop: {settings}"

    def fit(self, rows: Sequence[TextRow], folder: Path, /) -> Scorer:
        """Return the trained model's scorer; a text without a token gets 0, even odds."""
        train_on(rows, (), folder, self._start_from, self._plan, self._device, self._teacher)
        checkpoint = folder / CHECKPOINT
        tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
        special = special_tokens(tokenizer)
        model = load_classifier(checkpoint).to(self._device)

        def score(texts: Sequence[str]) -> NDArray[np.float64]:
            unlabelled = [TextRow(str(number), "", 0, "", text, "", "") for number, text in enumerate(texts)]
            logits = logits_of(model, tokenise(unlabelled, tokenizer), special, self._device)
            return np.nan_to_num(logits.astype(np.float64), nan=0.0)

        return score
