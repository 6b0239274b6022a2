"""The checkpoint of an interrupted run, and the log of a run."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from moderation.directories import replace_directory, restore_directory
from moderation.errors import InputError, SettingsError
from moderation.lab.detector.plans import TrainingPlan, check_continues

CHECKPOINT = "checkpoint"
_STATE = "training_state.pt"
_LOG = "log.jsonl"


@dataclass(frozen=True)
class SavedRun:
    """The state that a run needs to continue, beside the weights."""

    step: int
    optimizer: dict[str, Any]
    hard_texts: Mapping[str, Any] | None
    """The result of `HardTexts.state`; None before the first round."""


def saved_run(out: Path, plan: TrainingPlan, device: torch.device) -> SavedRun | None:
    """Return the state of the run in *out*, None where there is none.

    Removes log entries of steps after the saved one, because these steps are repeated. Raises SettingsError for a run
    that began with another plan, InputError for a damaged one.
    """
    checkpoint = out / CHECKPOINT
    restore_directory(checkpoint)
    if not (checkpoint / _STATE).is_file():
        (out / _LOG).unlink(missing_ok=True)
        return None
    state = _read(checkpoint, device)
    if state.keys() != {"plan", "files", *(field.name for field in fields(SavedRun))}:
        raise SettingsError(f"The run in {checkpoint} was written by another version: use another --out.")
    check_continues(state["plan"], plan, int(state["step"]), checkpoint)
    _forget_entries_after(out, int(state["step"]))
    return SavedRun(int(state["step"]), state["optimizer"], state["hard_texts"])


def _read(checkpoint: Path, device: torch.device) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(checkpoint / _STATE, map_location=device, weights_only=True)
    except Exception as error:  # torch, zipfile and pickle raise different types
        raise InputError(
            f"{checkpoint / _STATE} is damaged ({str(error).splitlines()[0]}) and the run cannot continue: "
            "use another --out."
        ) from error
    missing = [name for name in state.get("files", ()) if not (checkpoint / name).is_file()]
    if missing:
        raise InputError(f"{checkpoint} lacks {missing[0]} and the run cannot continue: use another --out.")
    return state


def save_run(
    out: Path, plan: TrainingPlan, run: SavedRun, tokenizer: Tokenizer, write_model: Callable[[Path], None]
) -> None:
    """Write a complete checkpoint beside the old one, then replace the old one."""
    checkpoint = out / CHECKPOINT
    fresh = checkpoint.with_name(checkpoint.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    write_model(fresh)
    tokenizer.save(str(fresh / "tokenizer.json"))
    files = sorted(path.name for path in fresh.iterdir())
    torch.save({"plan": asdict(plan), "files": files} | vars(run), fresh / _STATE)
    replace_directory(fresh, checkpoint)


def log_entry(out: Path, entry: Mapping[str, object]) -> None:
    """Append *entry* to the log of the run in *out*, as one line of JSON."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / _LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")


def _forget_entries_after(out: Path, step: int) -> None:
    """Remove the log entries of later steps, and an incomplete line."""
    log = out / _LOG
    if not log.is_file():
        return
    kept = [line for line in log.read_text(encoding="utf-8").splitlines() if _step_of(line) <= step]
    fresh = log.with_name(f"{_LOG}.new")
    fresh.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    fresh.replace(log)


def _step_of(line: str) -> float:
    """Return the step of a log entry: 0 for an entry without one, infinity for a line that cannot be read."""
    try:
        return int(json.loads(line).get("step", 0))
    except (ValueError, TypeError, AttributeError):
        return math.inf
