"""Text rows, data directories and detectors with results that are easy to compute."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import zstandard

from moderation.checksum import sha256_of
from moderation.detector import ContentScore
from moderation.lab.evaluation.detector.scored_rows import ScoredRows
from moderation.lab.textdata.rows import TextRow

_SUBJECTS = ("my neighbour", "the old tram", "our coach", "this kettle", "the ferry", "a goat", "the choir")
_VERBS = ("broke down", "sang", "left early", "cost a fortune", "came back", "fell over", "won")
_TAILS = ("again lol", "and nobody noticed", "during the storm", "so we walked home", "before breakfast")
_SUMS = ("it is important to note", "in conclusion", "moreover", "as a matter of fact")


@dataclass
class RuleDetector:
    """A detector that is one function of the text; NaN is an abstention. It counts what it is asked."""

    rule: Callable[[str], float]
    asked: list[str] = field(default_factory=list)
    manifest_hash: str = "0" * 64

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        self.asked += texts
        logits = [self.rule(text) for text in texts]
        return [ContentScore(logit, 1 / (1 + math.exp(-logit)), (), 0, False) for logit in logits]

    def describe(self) -> str:
        return "a rule"


def row(
    number: int, source: str, label: int, text: str, *, group: str = "", generator: str = "", sampling: str = ""
) -> TextRow:
    """Return a row, by default with a separate group."""
    name = f"{source}-{generator}-{label}-{number}"
    return TextRow(name, source, label, group or name, text, generator, "permissive", sampling)


def scored(rows: Sequence[TextRow], rule: Callable[[str], float]) -> ScoredRows:
    """Return the rows with the scores of *rule*."""
    return ScoredRows(rows, np.array([rule(each.text) for each in rows], dtype=np.float64))


def sentence(rng: np.random.Generator, label: int, number: int) -> str:
    """A sentence of a person, or one that reads like a machine's; *number* makes it unlike all others."""
    words = " ".join(str(rng.choice(options)) for options in (_SUBJECTS, _VERBS, _TAILS))
    return f"{words} {number}" if label == 0 else f"{rng.choice(_SUMS).capitalize()}, {words}. The end of {number}."


def write_data(folder: Path, source: str, *, humans: int = 520, machines: int = 400, alone: int = 60) -> Path:
    """Write text_train and text_dev with a source of both labels and one of *alone* humans; return their manifest."""
    files = {}
    for seed, name in enumerate(("text_train.jsonl.zst", "text_dev.jsonl.zst")):
        rng = np.random.default_rng(seed)
        lines = []
        for number in range(humans + machines + alone):
            label = int(humans <= number < humans + machines)
            of = source if number < humans + machines else "people only"
            text = sentence(rng, label, number + 10_000 * seed)
            known = {"id": f"{seed}-{number}", "source": of, "label": label, "group": f"g{seed}-{number // 2}"}
            made = {"generator": "<b>parrot</b>", "sampling": "T=1"} if label else {"generator": "human"}
            lines.append(json.dumps({**known, **made, "lic": "permissive", "text": text}))
        (folder / name).write_bytes(zstandard.compress("\n".join(lines).encode()))
        files[name] = sha256_of(folder / name)
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"files": files}), encoding="utf-8")
    return manifest
