"""Applies attacks to training texts."""

from __future__ import annotations

from moderation.lab.attacks import TRAINING_ATTACKS, attack_named
from moderation.lab.textdata.partition import keyed_fraction
from moderation.lab.textdata.rows import TextRow
from moderation.text import normalise


def attacked_text(row: TextRow) -> str:
    """Return the text after the first training attack, in the order of the row, that normalisation does not undo."""
    clean = normalise(row.text)
    for name in sorted(TRAINING_ATTACKS, key=lambda name: keyed_fraction(row.id, name)):
        changed = attack_named(name).apply(row.text, row.id)
        if normalise(changed) != clean:
            return changed
    return row.text
