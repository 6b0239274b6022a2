"""Selects the rows of part A for model selection and calibration, which are never used in training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from moderation.lab.textdata.partition import keyed_fraction
from moderation.lab.textdata.rows import TextRow

_VALIDATION_SHARE = 0.08


def in_validation(row: TextRow) -> bool:
    """Return whether a row of part A belongs to the validation slice, which consists of complete clusters."""
    return keyed_fraction(row.group, "validation") < _VALIDATION_SHARE


def sample_per_stratum(rows: Sequence[TextRow], limit: int, purpose: str = "sample") -> list[TextRow]:
    """Return at most *limit* rows of each source and label, selected by a hash keyed with *purpose*."""
    strata: dict[tuple[str, int], list[TextRow]] = defaultdict(list)
    for row in rows:
        strata[row.source, row.label].append(row)
    chosen: list[TextRow] = []
    for stratum in sorted(strata):
        chosen += sorted(strata[stratum], key=lambda row: keyed_fraction(row.id, purpose))[:limit]
    return chosen


def validation_sample(rows: Sequence[TextRow], limit: int) -> list[TextRow]:
    """Return at most *limit* validation rows of each label, of the sources with both labels."""
    held_out = [row for row in rows if in_validation(row)]
    both = sources_with_both_labels(held_out)
    return sample_per_stratum([row for row in held_out if row.source in both], limit)


def sources_with_both_labels(rows: Sequence[TextRow]) -> set[str]:
    """Return the sources with both labels."""
    labels = {(row.source, row.label) for row in rows}
    return {source for source, label in labels if (source, 1 - label) in labels}
