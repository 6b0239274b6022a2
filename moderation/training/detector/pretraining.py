"""Pretraining on the texts without their labels: an encoder learns to guess masked words, then `train` begins with it.

The same course as a training run: resumable, deterministic under its seed, with a progress bar and a log.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from moderation.errors import InputError
from moderation.training.detector.batches import batch_of_step, tokenise
from moderation.training.detector.masking import guessing_loss, masked, masked_language_model
from moderation.training.detector.optimisation import optimizer_of, take_step
from moderation.training.detector.partition import load_partition
from moderation.training.detector.plans import PretrainingPlan
from moderation.training.detector.rows import TextRow
from moderation.training.detector.run_state import CHECKPOINT, SavedRun, save_run, saved_run
from moderation.training.detector.slices import in_validation
from moderation.training.detector.starting_point import FromConfiguration, Start, check_start, resolved, tokenizer_of
from moderation.training.detector.stepping import Tell, run_steps
from moderation.training.detector.vocabulary import mask_token, special_tokens, vocabulary_size


def pretrain(
    data_dir: Path,
    out: Path,
    start_from: Start,
    plan: PretrainingPlan,
    device: torch.device,
    data_manifest: Path | None = None,
) -> None:
    """Pretrain on part A of *data_dir* into ``out/checkpoint``, continuing there when a run was interrupted.

    *data_manifest* names other data than the package does. Raises InputError for data or a starting point that cannot
    be used, SettingsError for a run that another plan began or that was none of this kind.
    """
    # What cannot be used is refused before the data are read, which takes a while.
    begun = saved_run(out, "pretraining", plan, device)
    check_start(out / CHECKPOINT if begun else resolved(start_from))
    rows = load_partition(data_dir, "A", data_manifest)
    pretrain_on([row for row in rows if not in_validation(row)], out, start_from, plan, device)


def pretrain_on(
    rows: Sequence[TextRow], out: Path, start_from: Start, plan: PretrainingPlan, device: torch.device
) -> None:
    """Pretrain on the texts of *rows* into ``out/checkpoint``, a directory that a training run can begin with.

    Raises as `pretrain` does.
    """
    begun = saved_run(out, "pretraining", plan, device)
    source = out / CHECKPOINT if begun else resolved(start_from)
    tokenizer = tokenizer_of(source)
    special, mask_id, vocabulary = special_tokens(tokenizer), mask_token(tokenizer), vocabulary_size(tokenizer)
    # No label is read, but what a machine wrote would still teach the encoder to expect it, generator by generator;
    # of people's language alone it learns what is unusual in any generator's.
    read = [row for row in rows if plan.machine_texts or row.label == 0]
    texts = tokenise(read, tokenizer)
    if not texts.strata:
        raise InputError("There is no text to pretrain on; give rows that people wrote, or --machine-texts.")
    torch.manual_seed(plan.seed)
    model = masked_language_model(source).to(device)
    frozen = begun.embeddings_frozen if begun else not isinstance(source, FromConfiguration)
    if frozen:
        model.get_input_embeddings().requires_grad_(False)  # as in training: most words are met too rarely
    optimizer = optimizer_of(model, (), plan)
    if begun:
        optimizer.load_state_dict(begun.optimizer)
    model.train()

    def take(step: int, _tell: Tell) -> float:
        batch = batch_of_step(texts, special, plan.seed, step, plan.batch_texts, token_dropout=0.0)
        hidden = masked(batch, special, mask_id, vocabulary, plan.seed, step)
        ids, mask, targets = (torch.from_numpy(part).to(device) for part in (hidden.ids, hidden.mask, hidden.targets))
        guessed = max(1, int((targets >= 0).sum()))

        def loss_of(part: slice) -> Tensor:
            return guessing_loss(model, ids[part], mask[part], targets[part]) / guessed

        return take_step(optimizer, plan, step, len(ids), device, loss_of)

    def save(step: int) -> None:
        run = SavedRun(step, optimizer.state_dict(), frozen, {})
        save_run(out, "pretraining", plan, run, tokenizer, lambda folder: model.save_pretrained(str(folder)))

    run_steps(out, "pretraining", plan, begun.step if begun else 0, take, save)
