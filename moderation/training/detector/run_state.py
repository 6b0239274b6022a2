"""What a run leaves behind: a checkpoint from which it continues as if never stopped, and a log."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer

from moderation.errors import SettingsError
from moderation.training.detector.plans import RunPlan, check_continues

CHECKPOINT = "checkpoint"
_STATE = "training_state.pt"
_LOG = "log.jsonl"

Kind = Literal["training", "pretraining", "language model training", "distillation"]


@dataclass(frozen=True)
class SavedRun:
    """Where a run was interrupted: what it needs beside the weights to continue."""

    step: int
    optimizer: dict[str, Any]
    embeddings_frozen: bool
    extra: Mapping[str, Any]
    """What the kind of run keeps for itself."""


def saved_run(out: Path, kind: Kind, plan: RunPlan, device: torch.device) -> SavedRun | None:
    """Return the state of the run in *out*, None where there is none.

    Raises SettingsError for a run of another kind, and for one that another plan began.
    """
    checkpoint = out / CHECKPOINT
    if not (checkpoint / _STATE).is_file():
        return None
    state = torch.load(checkpoint / _STATE, map_location=device, weights_only=True)
    found = state.get("kind", "training")  # the first runs were all of one kind and did not say so
    if found != kind:
        raise SettingsError(f"The run in {checkpoint} is a {found}, not a {kind}: use another --out.")
    check_continues(state["plan"], plan, int(state["step"]), checkpoint)
    return SavedRun(
        int(state["step"]), state["optimizer"], bool(state.get("embeddings_frozen", True)), state.get("extra", {})
    )


def save_run(
    out: Path, kind: Kind, plan: RunPlan, run: SavedRun, tokenizer: Tokenizer, write_model: Callable[[Path], None]
) -> None:
    """Write a whole checkpoint beside the old one, then put it in its place."""
    checkpoint = out / CHECKPOINT
    fresh = checkpoint.with_name(checkpoint.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    write_model(fresh)
    tokenizer.save(str(fresh / "tokenizer.json"))
    torch.save({"kind": kind, "plan": asdict(plan)} | vars(run), fresh / _STATE)
    shutil.rmtree(checkpoint, ignore_errors=True)
    fresh.rename(checkpoint)


def log_entry(out: Path, entry: Mapping[str, object]) -> None:
    """Append *entry* to the log of the run in *out*, as one line of JSON."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / _LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")
