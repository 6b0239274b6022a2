"""Computes the share of machine texts of each kind above the thresholds of all human texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from moderation.lab.evaluation.detector.scored_rows import ScoredRows
from moderation.lab.metrics.auroc import auroc
from moderation.lab.metrics.shares import share_of
from moderation.lab.textdata.rows import TextRow

_SHORT_WORDS = 20
_LEAST_TEXTS = 30


def machines_table(scored: ScoredRows, thresholds: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return for each prompt kind, generator family and length the AUROC against all human texts and the TPR.

    *thresholds* are those of `people_table`. Kinds with fewer than 30 texts are left out.
    """
    humans = scored.scores[scored.labels == 0]
    members: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, text in enumerate(scored.rows):
        if text.label == 1:
            for kind in _kinds(text):
                members[kind].append(index)
    rows = []
    for (group, name), indices in sorted(members.items()):
        if len(indices) < _LEAST_TEXTS:
            continue
        scores, groups = scored.scores[indices], scored.groups[indices]
        row: dict[str, Any] = {"kind": group, "name": name, "n": len(indices), "auroc": round(auroc(humans, scores), 4)}
        for rate, threshold in thresholds.items():
            found = share_of(scores > threshold, groups)
            row["groups"] = found["groups"]
            row[f"tpr_at_{rate}_percent"] = found["share"]
            row[f"tpr_at_{rate}_percent_interval"] = found["interval"]
        rows.append(row)
    return rows


def _kinds(row: TextRow) -> Iterator[tuple[str, str]]:
    yield "all", "all machine texts"
    yield "prompt", row.prompt_kind or "not stated"
    yield "family", row.family or "before 2023"
    if len(row.text.split()) <= _SHORT_WORDS:
        yield "length", f"at most {_SHORT_WORDS} words"
