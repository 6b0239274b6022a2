"""Runs the steps of a training, with a progress bar, a log and regular checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from moderation.lab.detector.plans import TrainingPlan
from moderation.lab.detector.run_state import log_entry

Note = Callable[[str], None]


def run_steps(
    out: Path,
    title: str,
    plan: TrainingPlan,
    step: int,
    take: Callable[[int, Note], float],
    save: Callable[[int], None],
    judge: Callable[[int], None] | None = None,
) -> None:
    """Run the steps from *step* to the end of the plan; log the loss and the seconds of each.

    *take* is called with the number of the step and a function that shows a note beside the bar, *save* and *judge*
    with the number of steps done; *judge* is called after every step.
    """
    with Progress(
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    ) as progress:
        task = progress.add_task(title, total=plan.steps, completed=step, note="")
        while step < plan.steps:
            began = time.monotonic()
            loss = take(step, lambda note: progress.update(task, note=note))
            step += 1
            took_s = time.monotonic() - began
            log_entry(out, {"step": step, "loss": round(loss, 4), "step_s": round(took_s, 3)})
            progress.update(task, completed=step, note=f"loss {loss:.3f}")
            # Before the save: a run stopped during validation repeats the last steps and validates then.
            if judge is not None:
                judge(step)
            if step % plan.checkpoint_every == 0 or step == plan.steps:
                save(step)
