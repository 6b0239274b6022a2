"""Removes an account from a saved state that no sidecar uses: from the journal, and the rule for rows in a backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.state.edges import Folded, fold
from moderation.state.journal import Numbers, read_journal, read_rows
from moderation.state.saved_rows import POST_FIELDS, WIDTHS


def erase_from_journal(directory: Path, account: int) -> int:
    """Rewrite the files of a journal without an account; return how many rows were removed.

    A row is removed where any of its numbers is that of the account. Raises InputError where the journal cannot be used
    or written.
    """
    journal, saved = read_journal(directory)
    widths = {**WIDTHS, "posts": POST_FIELDS + 2 * len(saved["key_started_ms"])}
    kept, removed = {}, 0
    for kind in {part.kind for part in journal.segments}:
        for part in [part for part in journal.segments if part.kind == kind]:
            rows = read_rows(replace(journal, segments=[part]), kind, widths[kind])
            kept[part.name] = without(rows, account)
            removed += len(rows) - len(kept[part.name])
    return removed + journal.rewrite(saved, kept, lambda content: _graph_without(content, account))


def without(rows: Numbers, account: int) -> Numbers:
    """Return the rows that do not contain a number, shape (rows, width)."""
    others: Numbers = rows[~(rows == np.uint64(account)).any(axis=1)]
    return others


def _graph_without(content: Mapping[str, NDArray[Any]], account: int) -> tuple[dict[str, NDArray[Any]], int]:
    """Return the arrays of a file of a graph without an account, and how many rows were removed."""
    if "ended" in content:
        rows = Folded.of(content).rows()
        kept = without(rows, account)
        return fold(Folded(), kept, 0).arrays(), len(rows) - len(kept)
    others = content["accounts"] != np.uint64(account)
    return {"accounts": content["accounts"][others], "values": content["values"][others]}, int((~others).sum())
