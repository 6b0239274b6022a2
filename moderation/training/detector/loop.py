"""The training run: resumable, deterministic under its seed, with a progress bar."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from moderation.errors import InputError, SettingsError
from moderation.training.detector.batches import batch_of_step, tokenise
from moderation.training.detector.distillation.lessons import Teacher
from moderation.training.detector.distillation.run import distillation_of
from moderation.training.detector.generated.rows import beside_posts
from moderation.training.detector.hard_negatives import HardTexts, begins_round, find_hard_texts, hard_texts_from
from moderation.training.detector.model import (
    ClsMeanClassifier,
    check_reads_sections,
    load_classifier,
    new_classifier,
    save_classifier,
)
from moderation.training.detector.optimisation import learning_rate, optimizer_of, take_step
from moderation.training.detector.partition import load_training_rows
from moderation.training.detector.plans import TrainingPlan
from moderation.training.detector.rows import TextRow
from moderation.training.detector.run_state import CHECKPOINT, SavedRun, log_entry, save_run, saved_run
from moderation.training.detector.slices import in_validation, validation_sample
from moderation.training.detector.source_weights import SourceWeights
from moderation.training.detector.starting_point import (
    FromConfiguration,
    Start,
    check_checkpoint,
    check_start,
    encoder_config,
    resolved,
    tokenizer_of,
)
from moderation.training.detector.stepping import Tell, run_steps
from moderation.training.detector.validation import logits_of, within_source
from moderation.training.detector.vocabulary import special_tokens

__all__ = ["CHECKPOINT", "TrainingPlan", "learning_rate", "special_tokens", "train", "train_on"]


def train(
    data_dir: Path,
    out: Path,
    start_from: Start,
    plan: TrainingPlan,
    device: torch.device,
    teacher: Teacher | None = None,
    generated: Sequence[TextRow] = (),
    data_manifest: Path | None = None,
) -> None:
    """Train on part A of *data_dir* into ``out/checkpoint``, continuing there when a run was interrupted.

    With a *teacher*, the one that the plan names, also on what it says of the tokens; with *generated* rows, those of
    the file that the plan names, also on these. *data_manifest* names other data than the package does.

    Raises InputError for data or a starting point that cannot be used, SettingsError for a run that another plan
    began.
    """
    # What cannot be used is refused before the data are read, which takes a while.
    begun = saved_run(out, "training", plan, device)
    check_start(out / CHECKPOINT if begun else resolved(start_from))
    if bool(generated) != bool(plan.generated):
        raise SettingsError("The generated rows are those of the file that the plan names: give both, or neither.")
    rows = load_training_rows(data_dir, data_manifest, all_rows=plan.all_rows)
    rows += beside_posts(generated, rows)
    held_out = validation_sample(rows, plan.validation_per_stratum)
    train_on([row for row in rows if not in_validation(row)], held_out, out, start_from, plan, device, teacher)


def train_on(
    rows: Sequence[TextRow],
    held_out: Sequence[TextRow],
    out: Path,
    start_from: Start,
    plan: TrainingPlan,
    device: torch.device,
    teacher: Teacher | None = None,
) -> None:
    """Train on *rows* into ``out/checkpoint``, continuing there when a run was interrupted.

    The figures on *held_out* go to the log; they choose nothing here. Whoever continues a run gives the same rows: they
    are not compared. Raises InputError for a starting point that cannot be used, SettingsError for a run that another
    plan began, and for another *teacher* than the plan's.
    """
    if plan.teacher != (teacher.manifest_hash if teacher else ""):
        raise SettingsError("The teacher is not the one that the plan names: give both, or neither.")
    begun = saved_run(out, "training", plan, device)
    source = out / CHECKPOINT if begun else resolved(start_from)
    tokenizer = tokenizer_of(source)
    special = special_tokens(tokenizer)
    if {row.label for row in rows} != {0, 1}:
        raise InputError(
            "Training needs texts of people and of machines; the rows to train on have one of them at most."
        )
    torch.manual_seed(plan.seed)
    model = _classifier_at(source).to(device)
    frozen = begun.embeddings_frozen if begun else not isinstance(source, FromConfiguration)
    if frozen:
        _freeze_word_embeddings(model)
    texts = tokenise(rows, tokenizer, attacked=plan.attacked_share > 0)
    distillation = None
    if teacher is not None:
        texts, distillation = distillation_of(rows, texts, tokenizer, teacher, plan, model)
    heads = [*model.head.parameters(), *(distillation.student.parameters() if distillation else ())]
    optimizer = optimizer_of(model.encoder, heads, plan)
    if begun:
        optimizer.load_state_dict(begun.optimizer)
        if distillation:
            distillation.restore(model, begun.extra["distillation"])
    held_out_texts = tokenise(held_out, tokenizer)
    hard: HardTexts | None = None
    if begun and "hard_texts" in begun.extra:
        hard = hard_texts_from(begun.extra["hard_texts"], texts)
    sources = SourceWeights(rows, texts) if plan.group_robust else None
    if begun and sources is not None:
        sources.restore(begun.extra["source_weights"])
    computing = partial(torch.autocast, device.type, torch.bfloat16, enabled=plan.bf16)
    model.train()

    def take(step: int, tell: Tell) -> float:
        nonlocal hard
        if begins_round(plan, step):
            tell("scoring human texts")
            with computing():
                hard, counts = find_hard_texts(model, rows, texts, special, plan, step, device)
            log_entry(out, {"step": step + 1, "hard_negatives": counts})
        redraw = None
        # Rounds of an earlier plan end where this one's begin.
        if hard is not None and plan.hard_negative_share > 0 and step >= plan.hard_negative_from:
            redraw = partial(hard.redraw, plan)
        batch = batch_of_step(texts, special, plan.seed, step, plan.batch_texts, plan.attacked_share, redraw=redraw)
        ids, mask, labels = (torch.from_numpy(part).to(device) for part in (batch.ids, batch.mask, batch.labels))

        targets = distillation.targets(batch, device) if distillation else None
        ratios = None if sources is None else torch.from_numpy(sources.of(batch.texts)).to(device)
        seen: list[Tensor] = []

        def loss_of(part: slice) -> Tensor:
            with computing():
                known = model.encode(ids[part], mask[part])
            hidden, pooled = (of.float() for of in known)
            losses = binary_cross_entropy_with_logits(model.logits_of(pooled), labels[part], reduction="none")
            seen.append(losses.detach())
            loss = (losses if ratios is None else losses * ratios[part]).sum() / len(labels)
            if distillation and targets is not None:
                loss = loss + distillation.student.loss(hidden, pooled, targets, part)
            return loss

        loss = take_step(optimizer, plan, step, len(labels), device, loss_of)
        if sources is not None:
            sources.learn(batch.texts, torch.cat(seen).cpu().numpy())
        return loss

    def finished() -> ClsMeanClassifier:
        return distillation.joined(model) if distillation else model

    def save(step: int) -> None:
        extra: dict[str, object] = {} if hard is None else {"hard_texts": hard.state(texts)}
        if sources is not None:
            extra["source_weights"] = sources.state()
            ratios = {name: round(float(ratio), 3) for name, ratio in zip(sources.sources, sources.ratios, strict=True)}
            log_entry(out, {"step": step, "source_ratios": ratios})
        if distillation:
            extra["distillation"] = distillation.state(model)
        run = SavedRun(step, optimizer.state_dict(), frozen, extra)
        save_run(out, "training", plan, run, tokenizer, partial(save_classifier, finished()))

    def judge(step: int) -> None:
        if held_out and (step % plan.validate_every == 0 or step == plan.steps):
            figures = within_source(held_out, logits_of(finished(), held_out_texts, special, device))
            log_entry(out, {"step": step, "validation": figures})

    if begun and distillation and begun.step >= plan.steps:
        save(begun.step)  # the heads may be joined otherwise now
    run_steps(out, "training", plan, begun.step if begun else 0, take, save, judge)


def _classifier_at(start: Start) -> ClsMeanClassifier:
    if isinstance(start, FromConfiguration):
        return new_classifier(encoder_config(start))
    check_checkpoint(start)
    model = load_classifier(start)
    check_reads_sections(model.encoder)
    return model


def _freeze_word_embeddings(model: ClsMeanClassifier) -> None:
    # Half of MiniLM's weights; most words are met too rarely here to be moved anywhere but astray.
    model.encoder.get_input_embeddings().requires_grad_(False)  # type: ignore[operator]
