"""The settings of a training run, and those that a resumed run may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from moderation.errors import SettingsError


@dataclass(frozen=True)
class TrainingPlan:
    """All settings that the result of a training run depends on."""

    may_differ: ClassVar[frozenset[str]] = frozenset(
        {"steps", "cooldown_share", "checkpoint_every", "validate_every", "validation_per_stratum"}
    )
    """Settings that a resumed run may change."""

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
    """Share of the texts of a step that are used after an attack."""
    validate_every: int = 500
    validation_per_stratum: int = 520
    """Held-out texts of each source and label in a validation; a TPR at 1 % FPR needs 500 human texts."""
    hard_negative_share: float = 0.0
    """Share of the human texts of a step that are replaced by hard ones, while the queues last."""
    hard_negative_from: int = 0
    """The step before which the first round runs."""
    hard_negative_every: int = 300
    """Number of steps between rounds."""
    hard_negative_pool: int = 4000
    """Number of human texts that a round scores."""
    rows_per_stratum: int = 4000
    """Maximum number of training rows of each source and label; more would be tokenised and rarely drawn."""
    all_rows: bool = False
    """Whether rows whose licence forbids published weights are used: for measuring only."""
    bf16: bool = False
    """Whether the encoder computes in bfloat16; weights, gradients of the heads and losses are in fp32."""


def check_continues(begun: Mapping[str, Any], plan: TrainingPlan, step: int, checkpoint: Path) -> None:
    """Raise SettingsError unless a run that began with the settings *begun* may continue with *plan* from *step*.

    Hard negatives may be enabled or changed for later steps only. A round at an earlier step would be skipped, so that
    the result would differ from that of an uninterrupted run.
    """
    hard = {name for name in asdict(plan) if name.startswith("hard_negative_")}
    for name, value in asdict(plan).items():
        if name not in plan.may_differ | hard and begun.get(name) != value:
            raise SettingsError(
                f"The run in {checkpoint} began with {name}={begun.get(name)}, not {value}: "
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
