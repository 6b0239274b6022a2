"""Updates the weights in a step: AdamW, warm-up, plateau, cool-down."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from moderation.lab.detector.plans import TrainingPlan

# Gradients of a step are summed over passes this small: larger activations cost twice the time in page faults.
_TEXTS_IN_A_CPU_PASS = 16


def learning_rate(plan: TrainingPlan, step: int) -> float:
    """Return the rate of a step: warm-up, plateau, linear cool-down to zero (Hägele et al. 2024).

    Because of the plateau the number of steps can be changed late: a run resumed with fewer steps cools down at once.
    """
    cooldown = max(1.0, plan.steps * plan.cooldown_share)
    rise = (step + 1) / plan.warmup_steps
    fall = (plan.steps - step) / cooldown
    return plan.peak_learning_rate * max(0.0, min(1.0, rise, fall))


def optimizer_of(body: nn.Module, head: Iterable[nn.Parameter], plan: TrainingPlan) -> torch.optim.Optimizer:
    """Return AdamW for the trainable weights of *body* and for *head*, at five times the learning rate.

    Weight decay applies to the matrices of the body only.
    """
    moving = [value for value in body.parameters() if value.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for p in moving if p.ndim > 1], "weight_decay": plan.weight_decay, "scale": 1.0},
            {"params": [p for p in moving if p.ndim == 1], "weight_decay": 0.0, "scale": 1.0},
            {"params": list(head), "weight_decay": 0.0, "scale": 5.0},
        ],
        lr=plan.peak_learning_rate,
    )


def take_step(
    optimizer: torch.optim.Optimizer,
    plan: TrainingPlan,
    step: int,
    texts: int,
    device: torch.device,
    loss_of: Callable[[slice], Tensor],
) -> float:
    """Update the weights once and return the loss, the sum of *loss_of* over passes that cover the step's *texts*.

    Dropout depends only on the seed and the number of the step.
    """
    torch.manual_seed(plan.seed * 1_000_003 + step)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(plan, step) * group["scale"]
    in_a_pass = _TEXTS_IN_A_CPU_PASS if device.type == "cpu" else texts
    loss = 0.0
    for begin in range(0, texts, in_a_pass):
        share = loss_of(slice(begin, begin + in_a_pass))
        share.backward()  # type: ignore[no-untyped-call]
        loss += float(share.detach())
    torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], plan.gradient_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss
