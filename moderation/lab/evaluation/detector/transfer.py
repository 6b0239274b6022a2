"""Computes how well the baseline transfers from one generator to another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.lab.detector.baseline import baseline_scores
from moderation.lab.evaluation.detector.samples import sample_per_source
from moderation.lab.metrics.auroc import auroc
from moderation.lab.textdata.rows import TextRow

METHOD = (
    "AUROC of the word n-gram baseline, fitted on one generator and sampling of part A of text_train with human texts "
    "of the same source, evaluated on another of text_dev against human texts of its source. The encoder is not "
    "retrained: the matrix shows how similar the generators are to the baseline, not how the detector transfers."
)
LEAST_TRAINING_ROWS = 150
_MOST_TRAINING_ROWS = 1000
_MOST_TEST_ROWS = 400
# With fewer texts the AUROC would be mostly noise.
_LEAST_TEST_ROWS = 20


def transfer_matrix(train: Sequence[TextRow], test: Sequence[TextRow], seed: int) -> dict[str, Any]:
    """Return the AUROC of every pair of generators of sources with both labels, one row for each training generator.

    Rows are sampled by *seed*, so that it takes minutes at most. Generators with fewer than 150 training rows or 20
    test rows are excluded on that side.
    """
    teachers = _strata(train, LEAST_TRAINING_ROWS, _MOST_TRAINING_ROWS, seed)
    readers = _strata(test, _LEAST_TEST_ROWS, _MOST_TEST_ROWS, seed)
    texts = list(dict.fromkeys(row.text for reader in readers for row in (*reader.machines, *reader.humans)))
    return {
        "method": METHOD,
        "trained_on": [teacher.described() for teacher in teachers],
        "read_on": [reader.described() for reader in readers],
        "auroc": [_line(teacher, readers, texts) for teacher in teachers],
    }


def _line(teacher: _Stratum, readers: Sequence[_Stratum], texts: Sequence[str]) -> list[float]:
    """Return the AUROC on each of *readers* after training on *teacher*; *texts* are those of all readers."""
    if not readers:
        return []  # the fitted baseline raises for an empty list
    known = dict(zip(texts, baseline_scores([*teacher.machines, *teacher.humans], texts), strict=True))
    return [round(auroc(_read(reader.humans, known), _read(reader.machines, known)), 4) for reader in readers]


@dataclass(frozen=True)
class _Stratum:
    source: str
    generator: str
    sampling: str
    machines: Sequence[TextRow]
    humans: Sequence[TextRow]

    def described(self) -> dict[str, Any]:
        name = {"source": self.source, "generator": self.generator, "sampling": self.sampling}
        return {**name, "machines": len(self.machines), "humans": len(self.humans)}


def _strata(rows: Sequence[TextRow], least: int, most: int, seed: int) -> list[_Stratum]:
    humans: dict[str, list[TextRow]] = defaultdict(list)
    machines: dict[tuple[str, str, str], list[TextRow]] = defaultdict(list)
    for row in rows:
        if row.label == 0:
            humans[row.source].append(row)
        else:
            machines[row.source, row.generator, row.sampling].append(row)
    return [
        _Stratum(*name, _capped(machines[name], most, seed), _capped(humans[name[0]], most, seed))
        for name in sorted(machines)
        if len(machines[name]) >= least and len(humans[name[0]]) >= _LEAST_TEST_ROWS
    ]


def _capped(rows: Sequence[TextRow], most: int, seed: int) -> list[TextRow]:
    return sample_per_source(rows, most, seed, "transfer")


def _read(rows: Sequence[TextRow], known: Mapping[str, float]) -> NDArray[np.float64]:
    return np.array([known[row.text] for row in rows], dtype=np.float64)
