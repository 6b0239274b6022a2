"""Distillation as a part of a training run: its texts, its heads, and what of them goes into the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rich.progress import Progress
from tokenizers import Tokenizer
from torch import Tensor, nn

from moderation.errors import InputError
from moderation.training.detector.batches import (
    CROP_MAX_TOKENS,
    Batch,
    SpecialTokens,
    TokenisedTexts,
    pad,
    with_taught,
)
from moderation.training.detector.distillation.lessons import Teacher, taught_rows
from moderation.training.detector.distillation.student import CropTargets, Student
from moderation.training.detector.distillation.targets import OF_A_CROP, taught_texts
from moderation.training.detector.distillation.taught_text import TaughtText
from moderation.training.detector.model import ClsMeanClassifier
from moderation.training.detector.plans import TrainingPlan
from moderation.training.detector.rows import TextRow
from moderation.training.detector.slices import sample_per_stratum
from moderation.training.detector.vocabulary import special_tokens
from moderation.training.detector.zero_shot_fit import alike

# Texts of each source and label by which both heads are brought to one scale.
_SCALE_TEXTS_PER_STRATUM = 60
_TEXTS_READ_TOGETHER = 32
# A student that gives every text the same curvature has nothing to add, and must not divide by nothing.
_LEAST_SPREAD = 1e-6


@dataclass(frozen=True)
class Distillation:
    """The student of a run, and the taught texts by which its head and that of the labels are brought to one scale."""

    student: Student
    sample: tuple[TaughtText, ...]
    weights: Tensor
    """How much each text of the sample counts: labels count alike, and within a label its sources."""
    special: SpecialTokens
    curvature_share: float

    def state(self, model: ClsMeanClassifier) -> dict[str, Any]:
        """Return what is saved with the run: the checkpoint itself has both heads joined."""
        return {"student": self.student.state_dict(), "label_head": model.head.state_dict()}

    def restore(self, model: ClsMeanClassifier, state: Mapping[str, Any]) -> None:
        """Take the heads apart again, as `state` gave them."""
        self.student.load_state_dict(state["student"])
        model.head.load_state_dict(state["label_head"])

    def targets(self, batch: Batch, device: torch.device) -> CropTargets:
        """Return what the student is to answer to a step's batch, which was drawn from texts that are taught."""
        assert batch.lessons is not None
        return self.student.targets(batch.lessons, device)

    def joined(self, model: ClsMeanClassifier) -> ClsMeanClassifier:
        """Return *model* with one head for both answers: a mean of its logit and the student's curvature per token.

        The curvature has `curvature_share` of the say. Each is in standard deviations over the sample, times that of
        the logits. Where the curvature is average and the labels' head says even odds, it says even odds. Per token,
        because the curvature of a whole text grows with its length, and the zero would be that of one length.
        """
        pooled = self._encode(model)
        curvature = self._curvature_head()
        with torch.no_grad():
            spreads = [self._spread(head(pooled).squeeze(-1)) for head in (model.head, curvature)]
            (_, label_sd), (average, curvature_sd) = spreads
            of_labels = 1 - self.curvature_share
            share = self.curvature_share * label_sd / curvature_sd.clamp(min=_LEAST_SPREAD)
            head = nn.Linear(model.head.in_features, 1).to(pooled.device)
            head.weight.copy_(of_labels * model.head.weight + share * curvature.weight)
            head.bias.copy_(of_labels * model.head.bias + share * (curvature.bias - average))
        return model.with_head(head)

    def _encode(self, model: ClsMeanClassifier) -> Tensor:
        device = model.head.weight.device
        training = model.training
        model.eval()
        with torch.inference_mode():
            parts = []
            for begin in range(0, len(self.sample), _TEXTS_READ_TOGETHER):
                some = self.sample[begin : begin + _TEXTS_READ_TOGETHER]
                ids, mask = pad([stretch.ids[:CROP_MAX_TOKENS] for stretch in some], self.special)
                parts.append(model.encode(torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device))[1])
        model.train(training)
        return torch.cat(parts)

    def _curvature_head(self) -> nn.Linear:
        every, place = self.student.crop_head, OF_A_CROP.index("curvature_per_token")
        head = nn.Linear(every.in_features, 1).to(every.weight.device)
        with torch.no_grad():
            head.weight.copy_(every.weight[place : place + 1])
            head.bias.copy_(every.bias[place : place + 1])
        return head

    def _spread(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        weights = self.weights.to(scores.device)
        mean = (weights * scores).mean()
        return mean, (weights * (scores - mean) ** 2).mean().sqrt()


def distillation_of(
    rows: Sequence[TextRow],
    texts: TokenisedTexts,
    tokenizer: Tokenizer,
    teacher: Teacher,
    plan: TrainingPlan,
    model: ClsMeanClassifier,
) -> tuple[TokenisedTexts, Distillation]:
    """Return *texts*, which are the *rows* tokenised, with the teacher's lessons among them, and the student.

    Raises InputError where the teacher says something of texts of one label at most.
    """
    chosen = taught_rows(rows, plan.taught_per_stratum)
    with Progress() as progress:
        task = progress.add_task("the teacher reads", total=len(chosen))
        lessons = teacher.lessons(chosen, lambda read: progress.advance(task, read))
    lessons, stretches = taught_texts(lessons, tokenizer)
    if {lesson.row.label for lesson in lessons} != {0, 1}:
        raise InputError("The teacher says something of texts of one label at most; use data with longer texts.")
    number = {row.id: place for place, row in enumerate(rows)}
    taught = with_taught(texts, stretches, [number[lesson.row.id] for lesson in lessons], plan.taught_share)
    sampled = sample_per_stratum([lesson.row for lesson in lessons], _SCALE_TEXTS_PER_STRATUM)
    of_row = {lesson.row.id: stretch for lesson, stretch in zip(lessons, stretches, strict=True)}
    student = Student(stretches, model.head.in_features // 2).to(model.head.weight.device)
    weights = torch.from_numpy(alike(sampled).astype(np.float32))
    sample = tuple(of_row[row.id] for row in sampled)
    return taught, Distillation(student, sample, weights, special_tokens(tokenizer), plan.curvature_share)
