"""Splits the data into folds with one source or generator left out; no cluster is in both training and test rows."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from moderation.errors import InputError
from moderation.lab.detector.leave_out.generators import families_of
from moderation.lab.textdata.partition import keyed_fraction
from moderation.lab.textdata.rows import TextRow
from moderation.lab.textdata.slices import in_validation, sample_per_stratum, sources_with_both_labels
from moderation.text import normalise

Kind = Literal["source", "generator"]

TRAINING_ROWS_PER_STRATUM = 6000
"""Maximum number of training rows of one source and label: limits memory and time, and balances the sources."""
LEAST_MACHINE_ROWS = 150
"""A generator with fewer rows in sources with both labels gets no fold; a fold tests this many where possible."""
# 500 human texts support a TPR at 1 % FPR; a source with few keeps half of them for training, down to 300 held out.
_HUMANS_HELD_OUT = 500
_LEAST_HUMANS_HELD_OUT = 300


@dataclass(frozen=True)
class Fold:
    """Rows to train on without one source or generator, and rows to test on, of sources with both labels."""

    kind: Kind
    left_out: str
    train: tuple[TextRow, ...]
    test: tuple[TextRow, ...]

    @property
    def name(self) -> str:
        """Name of the fold, valid as a folder name."""
        return f"{self.kind}-{re.sub(r'[^A-Za-z0-9._-]', '_', self.left_out)}"

    @cached_property
    def train_digest(self) -> str:
        """SHA-256 of the training rows."""
        return _digest(self.train)

    @cached_property
    def test_digest(self) -> str:
        """SHA-256 of the test rows."""
        return _digest(self.test)


def source_folds(rows: Sequence[TextRow], texts_per_label: int) -> list[Fold]:
    """Return a fold for each source with both labels: trained on the others, tested on *texts_per_label* at most.

    Rows of other sources that belong to a cluster of the source are excluded from training. Raises InputError when no
    source has both labels.
    """
    folds = []
    for source in sorted(sources_with_both_labels(rows)):
        inside = [row for row in rows if row.source == source]
        groups = {row.group for row in inside}
        train = [row for row in rows if row.source != source and row.group not in groups]
        folds.append(_fold("source", source, train, sample_per_stratum(inside, texts_per_label)))
    if not folds:
        raise InputError("No source of the data has both human and machine texts: use data of more sources.")
    return folds


def generator_folds(rows: Sequence[TextRow], texts_per_label: int) -> list[Fold]:
    """Return a fold for each family of generators with 150 rows in sources with both labels.

    Its training rows exclude every row that may be of the family and all held-out clusters: the validation slice, and
    in each tested source further clusters in the order of their keyed hash, until there are enough human texts and
    texts of the family to test on, at most *texts_per_label* of each source and label. Raises InputError when no
    generator has enough rows.
    """
    both = sources_with_both_labels(rows)
    inside = [row for row in rows if row.source in both]
    counts = Counter(family for row in inside for family in _families(row))
    folds = [
        _generator_fold(rows, inside, family, texts_per_label)
        for family in sorted(counts)
        if sum(_families(row) == {family} for row in inside) >= LEAST_MACHINE_ROWS
    ]
    if not folds:
        raise InputError(
            f"No generator has {LEAST_MACHINE_ROWS} texts in sources with human texts; use --leave source."
        )
    return folds


def _generator_fold(rows: Sequence[TextRow], inside: Sequence[TextRow], family: str, texts_per_label: int) -> Fold:
    rest = [row for row in rows if family not in _families(row)]
    held_out = {row.group for row in rest if in_validation(row)}
    of_family = Counter(row.source for row in inside if _families(row) == {family})
    sources = {source for source, count in of_family.items() if count >= LEAST_MACHINE_ROWS} or set(of_family)
    in_rest = {row.group for row in rest}
    for source in sorted(sources):
        held_out |= _further_groups([row for row in inside if row.source == source], family, held_out, in_rest)
    train = [row for row in rest if row.group not in held_out]
    trained_on = {row.group for row in train}
    test = [
        row
        for row in inside
        if row.source in sources and (_families(row) == {family} or row.label == 0) and row.group not in trained_on
    ]
    return _fold("generator", family, train, sample_per_stratum(test, texts_per_label))


def _further_groups(rows: Sequence[TextRow], family: str, held_out: set[str], in_rest: set[str]) -> set[str]:
    """Return the groups of one source to hold out besides *held_out*, first those without a training row."""
    humans = Counter(row.group for row in rows if row.label == 0)
    machines = Counter(row.group for row in rows if _families(row) == {family})
    wanted_humans = min(_HUMANS_HELD_OUT, max(_LEAST_HUMANS_HELD_OUT, humans.total() // 2))
    outside = {group for group in machines.keys() | humans.keys() if group in held_out or group not in in_rest}
    found_humans = sum(humans[group] for group in outside)
    found_machines = sum(machines[group] for group in outside)
    chosen: set[str] = set()
    for group in sorted(humans.keys() - outside, key=lambda group: keyed_fraction(group, "leave-out")):
        if found_humans >= wanted_humans and found_machines >= LEAST_MACHINE_ROWS:
            break
        chosen.add(group)
        found_humans += humans[group]
        found_machines += machines[group]
    return chosen


def _fold(kind: Kind, left_out: str, train: Sequence[TextRow], test: Sequence[TextRow]) -> Fold:
    for side, some in (("train on", train), ("test on", test)):
        if {row.label for row in some} != {0, 1}:
            raise InputError(
                f"Without the {kind} {left_out} the data lack a label to {side} on: use data of more sources."
            )
    return Fold(kind, left_out, tuple(sample_per_stratum(train, TRAINING_ROWS_PER_STRATUM)), tuple(test))


def _digest(rows: Sequence[TextRow]) -> str:
    """Return the SHA-256 of the rows and their normalised texts, because normalisation changes candidate input."""
    digest = hashlib.sha256()
    for row in rows:
        line = f"\0{row.id}\0{row.source}\0{row.label}\0{row.text}\0{normalise(row.text)}"
        digest.update(line.encode("utf-8", "replace"))
    return digest.hexdigest()


def _families(row: TextRow) -> frozenset[str]:
    return families_of(row.generator, row.family) if row.label == 1 else frozenset()
