"""What decides a run of each kind: its settings, and which of them a resumed run may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from moderation.errors import SettingsError


@dataclass(frozen=True)
class RunPlan:
    """What every run has: its length, its batches and how the weights move."""

    may_differ: ClassVar[frozenset[str]] = frozenset({"steps", "cooldown_share", "checkpoint_every"})
    """What a resumed run may set otherwise than the one it continues."""

    steps: int = 2000
    batch_texts: int = 64
    peak_learning_rate: float = 2e-4
    warmup_steps: int = 100
    cooldown_share: float = 0.3
    weight_decay: float = 0.01
    gradient_norm: float = 1.0
    seed: int = 1
    checkpoint_every: int = 100


@dataclass(frozen=True)
class TrainingPlan(RunPlan):
    """Everything that decides what a training run computes."""

    may_differ: ClassVar[frozenset[str]] = RunPlan.may_differ | {
        "validate_every",
        "validation_per_stratum",
        "curvature_share",
    }

    attacked_share: float = 0.25
    """Of the texts of a step, those that are seen after an attack."""
    validate_every: int = 500
    validation_per_stratum: int = 520
    """Held-out texts of each source and label that a validation reads: 500 people carry a TPR at 1 % FPR, and of a few
    texts nothing is left to read."""
    hard_negative_share: float = 0.0
    """Of the human texts of a step, those drawn from the ones that a round found hard, while these last."""
    hard_negative_from: int = 0
    """The step before which the first round is held."""
    hard_negative_every: int = 300
    """Steps from a round to the next."""
    hard_negative_pool: int = 4000
    """Human texts that a round scores."""
    all_rows: bool = False
    """Whether rows whose licence forbids weights are read too: for measuring only."""
    group_robust: bool = False
    """Whether the losses of the sources that the model does worst on count more."""
    teacher: str = ""
    """The manifest hash of the companion whose answers are learned beside the labels; empty without one."""
    taught_share: float = 0.5
    """Of the texts of a step, those that the teacher has read, where there is one."""
    taught_per_stratum: int = 800
    """Texts of each source and label that the teacher reads at most; half of that where a source has one label."""
    curvature_share: float = 0.5
    """How much of the say in the one head is the curvature's that the teacher taught; the rest is the labels'."""
    generated: str = ""
    """The hash of the file whose texts a language model wrote beside the people's; empty without one."""
    bf16: bool = False
    """Whether the encoder computes in bfloat16; weights, gradients of the heads and losses stay in fp32."""


@dataclass(frozen=True)
class PretrainingPlan(RunPlan):
    """Everything that decides what a pretraining run computes."""

    machine_texts: bool = False
    """Whether texts of machines are read too."""


@dataclass(frozen=True)
class LanguageModelPlan(RunPlan):
    """Everything that decides what the training of a small causal language model computes; a text is a window here."""

    may_differ: ClassVar[frozenset[str]] = RunPlan.may_differ | {"validate_every", "held_out_windows"}

    batch_texts: int = 8
    peak_learning_rate: float = 1.5e-3
    weight_decay: float = 0.1
    checkpoint_every: int = 50
    vocabulary: int = 8192
    """Entries of the tokenizer at most."""
    hidden_size: int = 256
    layers: int = 4
    window_tokens: int = 256
    """Tokens that are read together, the first of which begins a document."""
    validate_every: int = 250
    held_out_windows: int = 64
    """Windows of texts never trained on whose perplexity goes to the log."""


@dataclass(frozen=True)
class DistillationPlan(RunPlan):
    """Everything that decides how a language model is made smaller; a text is a window here."""

    may_differ: ClassVar[frozenset[str]] = RunPlan.may_differ | {"validate_every", "held_out_windows"}

    steps: int = 400
    batch_texts: int = 16
    peak_learning_rate: float = 4e-4
    warmup_steps: int = 20
    cooldown_share: float = 0.6
    checkpoint_every: int = 50
    layers: int = 20
    """Layers that stay."""
    vocabulary: int = 24576
    """Entries of the vocabulary that stay, the first ones."""
    window_tokens: int = 128
    """Tokens that are read together, the first of which begins a document."""
    validate_every: int = 100
    held_out_windows: int = 64
    """Windows of texts never learned from, on which the log says how it goes."""
    bf16: bool = False
    """Whether both compute in bfloat16; weights and losses stay in fp32."""
    larger_model: str = ""
    """The SHA-256 of the larger model's weights and tokenizer; `distil_on` fills it in."""


_OF_A_TEACHER = ("taught_share", "taught_per_stratum", "curvature_share")
_LATER = ("group_robust", "all_rows", "teacher", *_OF_A_TEACHER, "generated", "bf16")
_ABSENT = {name: getattr(TrainingPlan, name) for name in _LATER}


def check_continues(begun: Mapping[str, Any], plan: RunPlan, step: int, checkpoint: Path) -> None:
    """Raise SettingsError unless a run begun with the settings *begun* may go on with *plan* from *step*.

    Hard negatives may be switched on or changed, but only for steps to come: a round that the run has passed would
    never be held, and the same command would give another model than a run that was not stopped.
    """
    hard = {field.name: field.default for field in fields(plan) if field.name.startswith("hard_negative_")}
    # A run that was saved before there were these settings had none of them.
    before = {**hard, **_ABSENT, **begun}
    teacher = before.get("teacher", "")
    if teacher != getattr(plan, "teacher", ""):
        how = f"with the teacher {teacher[:12]}" if teacher else "without a teacher"
        raise SettingsError(
            f"The run in {checkpoint} was begun {how}: go on with that (--teacher), or in another --out."
        )
    # Without a teacher they decide nothing, whatever the defaults were when the run began.
    idle = () if teacher else _OF_A_TEACHER
    for name, value in asdict(plan).items():
        if name not in (*plan.may_differ, *hard, *idle) and before.get(name) != value:
            raise SettingsError(
                f"The run in {checkpoint} was begun with {name}={before.get(name)}, not {value}: "
                "use the same value or another --out."
            )
    if (
        isinstance(plan, TrainingPlan)
        and plan.hard_negative_share > 0
        and plan.hard_negative_from < step
        and any(before[name] != getattr(plan, name) for name in hard)
    ):
        raise SettingsError(
            f"The run in {checkpoint} has taken {step} steps without these hard negatives, so they cannot begin at "
            f"step {plan.hard_negative_from}: use --hard-negative-from {step} or later."
        )
