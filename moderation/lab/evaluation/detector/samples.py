"""Samples the texts to change: a few of every source, the same for the same seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from moderation.lab.textdata.partition import keyed_fraction
from moderation.lab.textdata.rows import TextRow


def sample_per_source(rows: Sequence[TextRow], limit: int, seed: int, purpose: str) -> list[TextRow]:
    """Return at most *limit* rows of each source, chosen by a hash of *seed*, *purpose* and their ids."""
    by_source: dict[str, list[TextRow]] = defaultdict(list)
    for row in rows:
        by_source[row.source].append(row)
    chosen: list[TextRow] = []
    for source in sorted(by_source):
        chosen += sorted(by_source[source], key=lambda row: keyed_fraction(row.id, f"{purpose} {seed}"))[:limit]
    return chosen
