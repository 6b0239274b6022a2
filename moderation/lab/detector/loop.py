"""Runs the training: resumable, deterministic for a seed, with a progress bar."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from moderation.errors import InputError
from moderation.lab.checkpoints.checkpoint_files import check_checkpoint, tokenizer_of
from moderation.lab.checkpoints.classifier import (
    ClsMeanClassifier,
    check_reads_sections,
    load_classifier,
    save_classifier,
)
from moderation.lab.checkpoints.vocabulary import special_tokens
from moderation.lab.detector.batches import batch_of_step, tokenise
from moderation.lab.detector.hard_negatives import HardTexts, begins_round, find_hard_texts, hard_texts_from
from moderation.lab.detector.optimisation import learning_rate, optimizer_of, take_step
from moderation.lab.detector.plans import TrainingPlan
from moderation.lab.detector.run_state import CHECKPOINT, SavedRun, log_entry, save_run, saved_run
from moderation.lab.detector.stepping import Note, run_steps
from moderation.lab.detector.validation import logits_of, within_source
from moderation.lab.textdata.partition import load_training_rows
from moderation.lab.textdata.rows import TextRow
from moderation.lab.textdata.slices import in_validation, sample_per_stratum, validation_sample

__all__ = ["CHECKPOINT", "TrainingPlan", "learning_rate", "special_tokens", "train", "train_on"]


def train(
    data_dir: Path,
    out: Path,
    start_from: Path,
    plan: TrainingPlan,
    device: torch.device,
    data_manifest: Path | None = None,
) -> None:
    """Train on part A of *data_dir* into ``out/checkpoint``, continuing there when a run was interrupted.

    *data_manifest* replaces the manifest of the package. Raises InputError for unusable data or an unusable initial
    checkpoint, SettingsError for a run that began with another plan.
    """
    # The checkpoint is checked before the data are read, which takes minutes.
    begun = saved_run(out, plan, device)
    check_checkpoint(out / CHECKPOINT if begun else start_from)
    rows = load_training_rows(data_dir, data_manifest, all_rows=plan.all_rows)
    held_out = validation_sample(rows, plan.validation_per_stratum)
    trained = sample_per_stratum([row for row in rows if not in_validation(row)], plan.rows_per_stratum, "train")
    train_on(trained, held_out, out, start_from, plan, device)


def train_on(
    rows: Sequence[TextRow],
    held_out: Sequence[TextRow],
    out: Path,
    start_from: Path,
    plan: TrainingPlan,
    device: torch.device,
) -> None:
    """Train on *rows* into ``out/checkpoint``, continuing there when a run was interrupted.

    The figures on *held_out* are logged and not used for any choice. A continued run needs the same rows; this is not
    checked. Raises InputError for an unusable checkpoint, SettingsError for a run that began with another plan.
    """
    if {row.label for row in rows} != {0, 1}:
        raise InputError("The training rows have one label only: give rows of both labels, 0 (human) and 1 (machine).")
    run = _Run(rows, held_out, out, start_from, plan, device)
    run_steps(out, "training", plan, run.first_step, run.take, run.save, run.validate)


class _Run:
    """One training run: the model, its optimizer and the texts."""

    def __init__(
        self,
        rows: Sequence[TextRow],
        held_out: Sequence[TextRow],
        out: Path,
        start_from: Path,
        plan: TrainingPlan,
        device: torch.device,
    ) -> None:
        self._rows, self._held_out = rows, held_out
        self._out, self._plan, self._device = out, plan, device
        begun = saved_run(out, plan, device)
        self.first_step = begun.step if begun else 0
        source = out / CHECKPOINT if begun else start_from
        self._tokenizer = tokenizer_of(source)
        self._special = special_tokens(self._tokenizer)
        torch.manual_seed(plan.seed)
        self._model = _classifier_at(source).to(device)
        _freeze_word_embeddings(self._model)
        self._texts = tokenise(rows, self._tokenizer, attacked=plan.attacked_share > 0)
        self._held_out_texts = tokenise(held_out, self._tokenizer)
        self._optimizer = optimizer_of(self._model.encoder, self._model.head.parameters(), plan)
        self._hard: HardTexts | None = None
        if begun:
            self._optimizer.load_state_dict(begun.optimizer)
            if begun.hard_texts is not None:
                self._hard = hard_texts_from(begun.hard_texts, self._texts)
        self._computing = partial(torch.autocast, device.type, torch.bfloat16, enabled=plan.bf16)
        self._model.train()

    def take(self, step: int, note: Note) -> float:
        """Take one step and return its loss."""
        plan = self._plan
        if begins_round(plan, step):
            note("scoring human texts")
            self._find_hard_texts(step)
        redraw = None
        # Hard texts of an earlier plan are discarded when the first round of this plan is due.
        if self._hard is not None and plan.hard_negative_share > 0 and step >= plan.hard_negative_from:
            redraw = partial(self._hard.redraw, plan)
        batch = batch_of_step(
            self._texts, self._special, plan.seed, step, plan.batch_texts, plan.attacked_share, redraw=redraw
        )
        ids, mask, labels = (torch.from_numpy(part).to(self._device) for part in (batch.ids, batch.mask, batch.labels))

        def loss_of(part: slice) -> Tensor:
            with self._computing():
                pooled = self._model.encode(ids[part], mask[part])
            logits = self._model.logits_of(pooled.float())
            return binary_cross_entropy_with_logits(logits, labels[part], reduction="sum") / len(labels)

        return take_step(self._optimizer, plan, step, len(labels), self._device, loss_of)

    def _find_hard_texts(self, step: int) -> None:
        with self._computing():
            self._hard, counts = find_hard_texts(
                self._model, self._rows, self._texts, self._special, self._plan, step, self._device
            )
        log_entry(self._out, {"step": step + 1, "hard_negatives": counts})

    def save(self, step: int) -> None:
        """Write a checkpoint from which the run can continue."""
        hard = None if self._hard is None else self._hard.state(self._texts)
        run = SavedRun(step, self._optimizer.state_dict(), hard)
        save_run(self._out, self._plan, run, self._tokenizer, partial(save_classifier, self._model))

    def validate(self, step: int) -> None:
        """Log the figures on the held-out texts, at the steps of the plan."""
        if self._held_out and (step % self._plan.validate_every == 0 or step == self._plan.steps):
            logits = logits_of(self._model, self._held_out_texts, self._special, self._device)
            log_entry(self._out, {"step": step, "validation": within_source(self._held_out, logits)})


def _classifier_at(checkpoint: Path) -> ClsMeanClassifier:
    check_checkpoint(checkpoint)
    model = load_classifier(checkpoint)
    check_reads_sections(model.encoder)
    return model


def _freeze_word_embeddings(model: ClsMeanClassifier) -> None:
    # The word embeddings are half of the weights of MiniLM, and most words are too rare here to improve them.
    model.encoder.get_input_embeddings().requires_grad_(False)  # type: ignore[operator]
