"""The heads that answer as the companion did, and how their answer becomes part of the detector's logit.

Distillation (Hinton et al. 2015) of what a language model says of a text and not of a classifier's verdict: no label is
needed for it, so it holds where the labelled sources do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from moderation.training.detector.distillation.targets import OF_A_CROP, figures_of_crops
from moderation.training.detector.distillation.taught_text import OF_A_TOKEN, TaughtText

# Beside the loss of the labels, which is a mean over texts as these are means over tokens and crops.
_WEIGHT = 2.0


@dataclass(frozen=True)
class CropTargets:
    """What a step is to answer of its tokens and crops, in standard deviations; NaN where nothing was taught."""

    tokens: Tensor  # (texts, tokens, OF_A_TOKEN)
    crops: Tensor  # (texts, OF_A_CROP)
    taught_tokens: int
    taught_crops: int


class Student(nn.Module):
    """One head for tokens and one for crops, beside that of the labels."""

    def __init__(self, stretches: Sequence[TaughtText], width: int) -> None:
        """Take the scales of the answers from *stretches*. Both heads begin at random, from torch's generator."""
        super().__init__()
        self.token_head = nn.Linear(width, len(OF_A_TOKEN))
        self.crop_head = nn.Linear(2 * width, len(OF_A_CROP))
        self._of_tokens = _Scale(np.concatenate([stretch.targets for stretch in stretches]))
        self._of_crops = _Scale(figures_of_crops(np.stack([stretch.targets.sum(axis=0) for stretch in stretches])))

    def targets(self, lessons: NDArray[np.float32], device: torch.device) -> CropTargets:
        """Return what the heads are to answer to a step's *lessons*, shape (texts, tokens, OF_A_TOKEN) with NaN."""
        taught = ~np.isnan(lessons[..., 0])
        crops = np.full((len(lessons), len(OF_A_CROP)), np.nan)
        inside = taught.any(axis=1)
        crops[inside] = figures_of_crops(np.nansum(lessons[inside], axis=1, dtype=np.float64))
        return CropTargets(
            torch.from_numpy(self._of_tokens.standardised(lessons)).to(device),
            torch.from_numpy(self._of_crops.standardised(crops)).to(device),
            max(1, int(taught.sum())),
            max(1, int(inside.sum())),
        )

    def loss(self, hidden: Tensor, pooled: Tensor, targets: CropTargets, part: slice) -> Tensor:
        """Return the share of the step's loss of the texts in *part*, given what the encoder knows of them.

        *hidden* and *pooled* are what `ClsMeanClassifier.encode` returns. The shares of all parts add up to the loss.
        """
        of_tokens = _distance(self.token_head(hidden), targets.tokens[part]) / targets.taught_tokens
        of_crops = _distance(self.crop_head(pooled), targets.crops[part]) / targets.taught_crops
        return _WEIGHT * (of_tokens + of_crops)


class _Scale:
    def __init__(self, values: NDArray[np.floating]) -> None:
        self._mean = values.mean(axis=0, dtype=np.float64)
        spread = values.std(axis=0, dtype=np.float64)
        self._sd = np.where(spread > 0, spread, 1.0)

    def standardised(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        return np.asarray((values - self._mean) / self._sd, dtype=np.float32)


def _distance(answers: Tensor, targets: Tensor) -> Tensor:
    """The sum over all that was taught, of the mean over its figures."""
    taught = ~torch.isnan(targets)
    distances = smooth_l1_loss(answers, torch.where(taught, targets, answers.detach()), reduction="none")
    return distances.sum() / answers.shape[-1]
