"""The settings of a training run, and which of them a resumed run may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from moderation.errors import SettingsError


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that decides what a training run computes."""

    may_differ: ClassVar[frozenset[str]] = frozenset(
        {"steps", "cooldown_share", "checkpoint_every", "validate_every", "validation_per_stratum"}
    )
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
    attacked_share: float = 0.25
    """Share of the texts of a step that are read after an attack."""
    validate_every: int = 500
    validation_per_stratum: int = 520
    """Held-out texts of each source and label that a validation scores; a TPR at 1 % FPR needs 500 human texts."""
    hard_negative_share: float = 0.0
    """Of the human texts of a step, those drawn from the ones that a round found hard, while these last."""
    hard_negative_from: int = 0
    """The step before which the first round is held."""
    hard_negative_every: int = 300
    """Steps from a round to the next."""
    hard_negative_pool: int = 4000
    """Human texts that a round scores."""
    rows_per_stratum: int = 4000
    """Rows of each source and label that are trained on at most: more would be tokenised and hardly drawn."""
    all_rows: bool = False
    """Whether rows whose licence forbids weights are read too: for measuring only."""
    bf16: bool = False
    """Whether the encoder computes in bfloat16; weights, gradients of the heads and losses stay in fp32."""


def check_continues(begun: Mapping[str, Any], plan: TrainingPlan, step: int, checkpoint: Path) -> None:
    """Raise SettingsError unless a run begun with the settings *begun* may continue with *plan* from *step*.

    Hard negatives may be enabled or changed for later steps only. A round at a step that the run has passed would be
    skipped, and the same command would give another model than an uninterrupted run.
    """
    hard = {name for name in asdict(plan) if name.startswith("hard_negative_")}
    for name, value in asdict(plan).items():
        if name not in plan.may_differ | hard and begun.get(name) != value:
            raise SettingsError(
                f"The run in {checkpoint} was begun with {name}={begun.get(name)}, not {value}: "
                "use the same value or another --out."
            )
    if (
        plan.hard_negative_share > 0
        and plan.hard_negative_from < step
        and any(begun.get(name) != getattr(plan, name) for name in hard)
    ):
        raise SettingsError(
            f"The run in {checkpoint} has taken {step} steps without these hard negatives, so they cannot begin at "
            f"step {plan.hard_negative_from}: use --hard-negative-from {step} or later."
        )
