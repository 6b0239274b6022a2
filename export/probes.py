"""Probe texts with labels, and the verification of the polarity of a network."""

from __future__ import annotations

import json
from pathlib import Path

from export.checkpoint import Checkpoint
from export.parity import between_specials, torch_scores
from moderation.detector.manifest import Probe
from moderation.detector.tokenizing import PlainIds
from moderation.errors import InputError
from moderation.text import normalise

DEFAULT_PROBES = Path(__file__).with_name("probes.json")


def read_probes(path: Path) -> list[tuple[str, int]]:
    """Return text and label of each probe in a JSON list of {"text", "label"}. Raises InputError."""
    try:
        entries = [(str(entry["text"]), int(entry["label"])) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f'{path} is not a JSON list of {{"text": …, "label": 0 or 1}} ({error}).') from error
    if {label for _, label in entries} != {0, 1}:
        raise InputError(f"{path} must have human (0) and machine (1) texts to verify the polarity.")
    return entries


def load_probes(path: Path, checkpoint: Checkpoint) -> tuple[Probe, ...]:
    """Return the probes of a JSON list of {"text", "label"}, with the token ids of *checkpoint*. Raises InputError."""
    probes, plain = [], PlainIds(checkpoint.tokenizer)
    for text, label in read_probes(path):
        ids = plain.of(checkpoint.tokenizer.encode(normalise(text), add_special_tokens=False).ids)
        probes.append(Probe(text=text, label=1 if label else 0, token_ids=tuple(ids.tolist())))
    return tuple(probes)


def prove_polarity(checkpoint: Checkpoint, probes: tuple[Probe, ...]) -> None:
    """Raise InputError unless every machine probe scores above every human probe in PyTorch."""
    sections = [between_specials(checkpoint, probe.token_ids[: checkpoint.max_tokens]) for probe in probes]
    scores = torch_scores(checkpoint, sections)
    human = max(score for probe, score in zip(probes, scores, strict=True) if probe.label == 0)
    machine = min(score for probe, score in zip(probes, scores, strict=True) if probe.label == 1)
    if not machine > human:
        raise InputError(
            f"The probes contradict this checkpoint: a human text scores {human:.3f}, a machine text {machine:.3f}. "
            "Give the other label with --machine-label, or texts of its domain with --probes."
        )
