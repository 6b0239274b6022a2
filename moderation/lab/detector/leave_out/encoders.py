"""Candidates that train the encoder with the training loop on the rows of a fold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from moderation.checksum import sha256_of
from moderation.lab.checkpoints.classifier import load_classifier
from moderation.lab.detector.batches import tokenise
from moderation.lab.detector.leave_out.candidates import Scorer
from moderation.lab.detector.loop import CHECKPOINT, TrainingPlan, special_tokens, train_on
from moderation.lab.detector.validation import logits_of
from moderation.lab.textdata.rows import TextRow

# A run may continue with other values of these; they do not change the result of a fold.
_IRRELEVANT = ("checkpoint_every", "validate_every", "validation_per_stratum", "all_rows")


class Encoder:
    """The model that the training loop returns for a plan; an interrupted run continues in its folder."""

    def __init__(self, plan: TrainingPlan, start_from: Path, device: torch.device) -> None:
        self._plan = plan
        self._start_from = start_from
        self._device = device

    @property
    def description(self) -> str:
        """Same as `training`: the scores depend only on the trained weights."""
        return self.training

    @cached_property
    def training(self) -> str:
        """The initial checkpoint, by the hash of its weights, and the settings of the plan."""
        weights = hashlib.sha256()
        for file in sorted([*self._start_from.glob("*.safetensors"), *self._start_from.glob("*.bin")]):
            weights.update(f"{file.name}\0{sha256_of(file)}\0".encode())
        settings = (f"{name} {value}" for name, value in asdict(self._plan).items() if name not in _IRRELEVANT)
        return f"encoder {weights.hexdigest()[:12]} after the training loop: {', '.join(settings)}"

    def fit(self, rows: Sequence[TextRow], folder: Path, /) -> Scorer:
        """Return the scorer of the trained model; a text without a token gets 0, even odds."""
        train_on(rows, (), folder, self._start_from, self._plan, self._device)
        checkpoint = folder / CHECKPOINT
        tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
        special = special_tokens(tokenizer)
        model = load_classifier(checkpoint).to(self._device)

        def score(texts: Sequence[str]) -> NDArray[np.float64]:
            unlabelled = [TextRow(str(number), "", 0, "", text, "", "") for number, text in enumerate(texts)]
            logits = logits_of(model, tokenise(unlabelled, tokenizer), special, self._device)
            return np.nan_to_num(logits.astype(np.float64), nan=0.0)

        return score
