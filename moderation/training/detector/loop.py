"""The training run: resumable, deterministic under its seed, with a progress bar."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from tokenizers import Tokenizer

from moderation.errors import InputError, SettingsError
from moderation.training.detector.batches import SpecialTokens, TokenisedTexts, batch_of_step, tokenise
from moderation.training.detector.model import ClsMeanClassifier, load_classifier, save_classifier
from moderation.training.detector.partition import load_partition
from moderation.training.detector.rows import TextRow
from moderation.training.detector.slices import in_validation, sample_per_stratum
from moderation.training.detector.validation import logits_of, within_source

CHECKPOINT = "checkpoint"
_STATE = "training_state.pt"
_LOG = "log.jsonl"
# Gradients of a step are summed over passes this small: larger activations cost twice the time in page faults.
_TEXTS_IN_A_CPU_PASS = 16


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that decides what a run computes."""

    steps: int = 2000
    batch_texts: int = 64
    peak_learning_rate: float = 2e-4
    warmup_steps: int = 100
    cooldown_share: float = 0.3
    weight_decay: float = 0.01
    gradient_norm: float = 1.0
    attacked_share: float = 0.25
    """Of the texts of a step, those that are seen after an attack."""
    seed: int = 1
    checkpoint_every: int = 100
    validate_every: int = 500
    validation_per_stratum: int = 150


def learning_rate(plan: TrainingPlan, step: int) -> float:
    """Return the rate of a step: warm-up, plateau, straight down to zero (Hägele et al. 2024).

    The plateau makes the length of a run a late decision: resumed with fewer steps, it cools down at once.
    """
    cooldown = max(1.0, plan.steps * plan.cooldown_share)
    rise = (step + 1) / plan.warmup_steps
    fall = (plan.steps - step) / cooldown
    return plan.peak_learning_rate * max(0.0, min(1.0, rise, fall))


def train(data_dir: Path, out: Path, start_from: Path, plan: TrainingPlan, device: torch.device) -> None:
    """Train on part A of *data_dir* into ``out/checkpoint``, continuing there when a run was interrupted.

    Raises InputError for data or a starting checkpoint that cannot be used, SettingsError for a run that another
    plan began.
    """
    _tokenizer_of(_starting_point(out, start_from))  # refused before the data are read, which takes a while
    rows = load_partition(data_dir, "A")
    held_out = sample_per_stratum([row for row in rows if in_validation(row)], plan.validation_per_stratum)
    train_on([row for row in rows if not in_validation(row)], held_out, out, start_from, plan, device)


def train_on(
    rows: Sequence[TextRow],
    held_out: Sequence[TextRow],
    out: Path,
    start_from: Path,
    plan: TrainingPlan,
    device: torch.device,
) -> None:
    """Train on *rows* into ``out/checkpoint``, continuing there when a run was interrupted.

    The figures on *held_out* go to the log; they choose nothing here. Whoever continues a run gives the same rows: they
    are not compared. Raises InputError for a starting checkpoint that cannot be used, SettingsError for a run that
    another plan began.
    """
    checkpoint = out / CHECKPOINT
    resumed = (checkpoint / _STATE).is_file()
    source = _starting_point(out, start_from)
    tokenizer = _tokenizer_of(source)
    special = special_tokens(tokenizer)
    texts = tokenise(rows, tokenizer, attacked=plan.attacked_share > 0)
    held_out_texts = tokenise(held_out, tokenizer)
    torch.manual_seed(plan.seed)
    model = load_classifier(source).to(device)
    _freeze_word_embeddings(model)
    optimizer = _optimizer(model, plan)
    step = _restore(checkpoint, optimizer, plan, device) if resumed else 0
    model.train()
    with Progress(
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    ) as progress:
        task = progress.add_task("training", total=plan.steps, completed=step, note="")
        while step < plan.steps:
            began = time.monotonic()
            loss = _step(model, optimizer, texts, special, plan, step, device)
            step += 1
            took_s = time.monotonic() - began
            _log(out, {"step": step, "loss": round(loss, 4), "step_s": round(took_s, 3)})
            progress.update(task, completed=step, note=f"loss {loss:.3f}")
            if step % plan.checkpoint_every == 0 or step == plan.steps:
                _save(checkpoint, tokenizer, model, optimizer, plan, step)
            if held_out and (step % plan.validate_every == 0 or step == plan.steps):
                figures = within_source(held_out, logits_of(model, held_out_texts, special, device))
                _log(out, {"step": step, "validation": figures})


def _starting_point(out: Path, start_from: Path) -> Path:
    checkpoint = out / CHECKPOINT
    return checkpoint if (checkpoint / _STATE).is_file() else start_from


def _tokenizer_of(checkpoint: Path) -> Tokenizer:
    tokenizer_file = checkpoint / "tokenizer.json"
    if not tokenizer_file.is_file():
        raise InputError(f"{checkpoint} has no tokenizer.json; name a checkpoint directory with a fast tokenizer.")
    return Tokenizer.from_file(str(tokenizer_file))


def special_tokens(tokenizer: Tokenizer) -> SpecialTokens:
    """Return the special ids of a BERT- or RoBERTa-like tokenizer. Raises InputError when it has none of them."""
    for first, last, blank, unknown in (("[CLS]", "[SEP]", "[PAD]", "[UNK]"), ("<s>", "</s>", "<pad>", "<unk>")):
        found = (tokenizer.token_to_id(name) for name in (first, last, blank, unknown))
        ids = [number for number in found if number is not None]
        if len(ids) == 4:
            return SpecialTokens(*ids)
    raise InputError("The tokenizer has neither [CLS] … [UNK] nor <s> … <unk>; use a BERT- or RoBERTa-like one.")


def _step(
    model: ClsMeanClassifier,
    optimizer: torch.optim.Optimizer,
    texts: TokenisedTexts,
    special: SpecialTokens,
    plan: TrainingPlan,
    step: int,
    device: torch.device,
) -> float:
    batch = batch_of_step(texts, special, plan.seed, step, plan.batch_texts, plan.attacked_share)
    torch.manual_seed(plan.seed * 1_000_003 + step)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(plan, step) * group["scale"]
    size = len(batch.labels)
    in_a_pass = _TEXTS_IN_A_CPU_PASS if device.type == "cpu" else size
    loss = 0.0
    for begin in range(0, size, in_a_pass):
        ids, mask, labels = (
            torch.from_numpy(part[begin : begin + in_a_pass]).to(device)
            for part in (batch.ids, batch.mask, batch.labels)
        )
        share = torch.nn.functional.binary_cross_entropy_with_logits(model(ids, mask), labels, reduction="sum") / size
        share.backward()  # type: ignore[no-untyped-call]
        loss += float(share.detach())
    torch.nn.utils.clip_grad_norm_(model.parameters(), plan.gradient_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss


def _freeze_word_embeddings(model: ClsMeanClassifier) -> None:
    # Half of MiniLM's weights; most words are met too rarely here to be moved anywhere but astray.
    model.encoder.get_input_embeddings().requires_grad_(False)  # type: ignore[operator]


def _optimizer(model: ClsMeanClassifier, plan: TrainingPlan) -> torch.optim.Optimizer:
    body = [(name, value) for name, value in model.encoder.named_parameters() if value.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for _, p in body if p.ndim > 1], "weight_decay": plan.weight_decay, "scale": 1.0},
            {"params": [p for _, p in body if p.ndim == 1], "weight_decay": 0.0, "scale": 1.0},
            {"params": list(model.head.parameters()), "weight_decay": 0.0, "scale": 5.0},
        ],
        lr=plan.peak_learning_rate,
    )


def _save(
    checkpoint: Path,
    tokenizer: Tokenizer,
    model: ClsMeanClassifier,
    optimizer: torch.optim.Optimizer,
    plan: TrainingPlan,
    step: int,
) -> None:
    """Write a whole checkpoint beside the old one, then put it in its place."""
    fresh = checkpoint.with_name(checkpoint.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    save_classifier(model, fresh)
    tokenizer.save(str(fresh / "tokenizer.json"))
    torch.save({"step": step, "optimizer": optimizer.state_dict(), "plan": asdict(plan)}, fresh / _STATE)
    shutil.rmtree(checkpoint, ignore_errors=True)
    fresh.rename(checkpoint)


def _restore(
    checkpoint: Path,
    optimizer: torch.optim.Optimizer,
    plan: TrainingPlan,
    device: torch.device,
) -> int:
    state = torch.load(checkpoint / _STATE, map_location=device, weights_only=True)
    may_differ = {"steps", "cooldown_share", "checkpoint_every", "validate_every", "validation_per_stratum"}
    for name, value in asdict(plan).items():
        if name not in may_differ and state["plan"].get(name) != value:
            raise SettingsError(
                f"The run in {checkpoint} was begun with {name}={state['plan'].get(name)}, not {value}: "
                "use the same value or another --out."
            )
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def _log(out: Path, entry: dict[str, object]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with (out / _LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")
