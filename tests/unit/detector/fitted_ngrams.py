"""Small n-gram detectors, fitted on texts written for the tests."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from moderation.lab.detector.ngrams.fit import Figures, NgramPlan, train_ngrams_on
from moderation.lab.textdata.slices import in_validation
from tests.unit.detector.written_rows import written_rows

PLAN = NgramPlan(most_ngrams=6000, least_texts=3)
WORD_PLAN = replace(PLAN, unit="words")


def fit_written_ngrams(out: Path, plan: NgramPlan = PLAN) -> Figures:
    """Fit on the written rows into *out* as a training run does."""
    rows = written_rows()
    held_out = [row for row in rows if in_validation(row)]
    return train_ngrams_on([row for row in rows if not in_validation(row)], held_out, out, plan, lambda _: None)


def write_probes(path: Path) -> Path:
    """Write probes of the texts' own kind."""
    probes = [
        {"text": "the old tram broke down again lol", "label": 0},
        {"text": "It is important to note that the old tram broke down. In conclusion, yes.", "label": 1},
    ]
    path.write_text(json.dumps(probes), encoding="utf-8")
    return path
