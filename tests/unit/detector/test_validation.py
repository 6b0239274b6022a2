"""Validation figures within a source, only where the held-out texts support them."""

from __future__ import annotations

import numpy as np

from moderation.lab.detector.validation import within_source
from moderation.lab.textdata.rows import TextRow


def _rows(source: str, humans: int, machines: int) -> list[TextRow]:
    return [
        TextRow(f"{source}{label}-{number}", source, label, f"{source}{label}-{number}", "", "", "permissive")
        for label, count in ((0, humans), (1, machines))
        for number in range(count)
    ]


def test_rate_with_five_expected_human_texts_is_supported() -> None:
    rows = [*_rows("large", 500, 40), *_rows("middle", 100, 40), *_rows("small", 99, 40)]
    # Half of the machines stand above everybody, half below.
    numbers = [int(row.id.split("-")[1]) for row in rows]
    logits = np.array(
        [number % 2 * 1000 - 1 if row.label else number for row, number in zip(rows, numbers, strict=True)]
    )
    figures = within_source(rows, logits.astype(np.float32))
    assert figures["large"]["tpr_at_1_percent"] == 0.5
    assert figures["middle"]["tpr_at_1_percent"] == "not supported (n=100)"
    assert figures["middle"]["tpr_at_5_percent"] == 0.5
    assert figures["small"]["tpr_at_5_percent"] == "not supported (n=99)"
    assert figures["mean"]["tpr_at_1_percent"] == 0.5
    assert {figures[name]["auroc"] for name in ("large", "middle", "small", "mean")} == {0.5}


def test_texts_without_logit_and_small_sources_are_excluded() -> None:
    rows = [*_rows("ours", 30, 30), *_rows("few", 30, 19)]
    logits = np.array([float(row.label) for row in rows], dtype=np.float32)
    logits[:5] = np.nan
    figures = within_source(rows, logits)
    assert figures.keys() == {"ours", "mean"}
    assert (figures["ours"]["humans"], figures["ours"]["auroc"]) == (25, 1.0)
    assert figures["mean"] == {"auroc": 1.0}


def test_no_held_out_texts_give_no_figures() -> None:
    assert within_source([], np.zeros(0, np.float32)) == {}
