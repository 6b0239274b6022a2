"""Computes how often a training step draws a text, so that neither source nor register predicts the label."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moderation.lab.textdata.rows import TextRow

# From a source with one label the model learns only the source; a small source is memorised.
_WEIGHT_BOTH_LABELS = 1.0
_WEIGHT_ONE_LABEL = 0.4
_FULL_WEIGHT_ROWS = 1000
SECOND_LANGUAGE_SHARE = 0.2
"""Share of the human draws that writers of English as a second language have, where there are any."""
FORMAL_SHARE = 0.15
"""Share of the human draws that formal texts have, where there are any."""

Stratum = tuple[str, int, str]
"""Source, label, and for human texts the group of people: second language, formal or other."""


def draw_weights(
    rows: Sequence[TextRow], members: Sequence[int]
) -> tuple[tuple[NDArray[np.int64], ...], NDArray[np.float64]]:
    """Return the strata of the rows *members* as arrays of row numbers, and the probability of each stratum.

    Both labels are drawn equally often. Within a label a source counts by the square root of its rows, less where it
    has one label only; within a register the labels count equally; second-language and formal writers have fixed
    shares of the human draws.
    """
    texts: dict[Stratum, list[int]] = defaultdict(list)
    for index in members:
        texts[stratum_of(rows[index])].append(index)
    weights = _balanced_registers({key: _weight(key, texts) for key in texts}, rows, texts)
    labels = {key[1] for key in weights}
    for label in labels:
        _set_shares({key: weight for key, weight in weights.items() if key[1] == label}, weights, 1 / len(labels))
    order = sorted(texts)
    drawn = np.array([weights[key] for key in order])
    return tuple(np.array(texts[key], dtype=np.int64) for key in order), drawn / drawn.sum()


def stratum_of(row: TextRow) -> Stratum:
    """Return the stratum of a row."""
    if row.label == 1:
        return row.source, 1, ""
    return row.source, 0, "second language" if row.second_language else "formal" if row.formal else "other"


def _weight(key: Stratum, texts: dict[Stratum, list[int]]) -> float:
    source, label, _ = key
    both = any(other[0] == source and other[1] != label for other in texts)
    weight = _WEIGHT_BOTH_LABELS if both else _WEIGHT_ONE_LABEL
    return weight * math.sqrt(min(1.0, len(texts[key]) / _FULL_WEIGHT_ROWS))


def _balanced_registers(
    weights: dict[Stratum, float], rows: Sequence[TextRow], texts: dict[Stratum, list[int]]
) -> dict[Stratum, float]:
    """Scale the labels of each register that has both to their geometric mean."""
    register = {key: rows[texts[key][0]].register for key in weights}
    totals: dict[tuple[str, int], float] = defaultdict(float)
    for key, weight in weights.items():
        totals[register[key], key[1]] += weight
    balanced = {}
    for key, weight in weights.items():
        own, other = totals[register[key], key[1]], totals.get((register[key], 1 - key[1]), 0.0)
        balanced[key] = weight * math.sqrt(other / own) if other else weight
    return balanced


def _set_shares(of_label: dict[Stratum, float], weights: dict[Stratum, float], total: float) -> None:
    """Scale the strata of one label to *total*, with the fixed shares of second-language and formal writers."""
    shares = {"second language": SECOND_LANGUAGE_SHARE, "formal": FORMAL_SHARE}
    groups = {key[2] for key in of_label}
    fixed = {group: share for group, share in shares.items() if group in groups and len(groups) > 1}
    rest = 1 - sum(fixed.values())
    sums: dict[bool | str, float] = defaultdict(float)
    for key, weight in of_label.items():
        sums[key[2] if key[2] in fixed else True] += weight
    for key, weight in of_label.items():
        share = fixed.get(key[2], rest)
        weights[key] = total * share * weight / sums[key[2] if key[2] in fixed else True]
