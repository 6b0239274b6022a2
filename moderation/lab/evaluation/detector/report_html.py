"""The report as one self-contained HTML page, without scripts or external resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from moderation.lab.evaluation.detector.html_table import bounds, cell_html, percent, plain, table_html
from moderation.lab.evaluation.detector.report_css import CSS
from moderation.lab.evaluation.detector.report_sections import (
    attacks_section,
    benign_section,
    length_section,
    pools_section,
    within_section,
)

_TITLE = "How well machine-written posts are detected"


def report_html(report: Mapping[str, Any]) -> str:
    """Return the page for *report*, the result of `evaluate`; it shows its figures and no text of the data."""
    parts = [
        _headline(report),
        _unsupported(report),
        pools_section(report),
        within_section(report),
        length_section(report),
        attacks_section(report),
        benign_section(report),
    ]
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_TITLE}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n{''.join(parts)}</main>\n</body>\n"
        "</html>\n"
    )
    # A name from the data may contain a lone surrogate, which cannot be encoded.
    return page.encode("utf-8", "replace").decode("utf-8")


def _headline(report: Mapping[str, Any]) -> str:
    results = report["results"]["detector"]
    worst = results["worst_pool"]
    tpr = results["mean_tpr_at_1_percent_where_supported"]
    whose = (
        f"of the human texts of {escape(worst['pool'])}, the worst pool, are flagged at the threshold for 1 % of all "
        f"human texts (95 %: {cell_html(bounds(worst['interval'], 2))}, n={cell_html(plain(worst['n']))})"
    )
    boxes = (
        (percent(worst["fpr"], 2), whose),
        (plain(results["mean_within_source_auroc"], 3), "mean AUROC within the sources that have both labels"),
        ("not supported" if tpr is None else percent(tpr), "mean TPR at 1 % FPR over the sources that support it"),
    )
    divisions = "".join(f"<div><strong>{cell_html(value)}</strong><span>{what}</span></div>" for value, what in boxes)
    return (
        f'<header><h1>{_TITLE}</h1><p class="about">{escape(report["detector"])}. '
        f"{cell_html(plain(report['rows']))} texts of the dev files, {cell_html(plain(report['abstained']))} of them "
        f"without a score; seed {cell_html(plain(report['plan']['seed']))}, at most "
        f"{cell_html(plain(report['plan']['changed_texts']))} changed texts per source.</p>"
        f'<div class="headline">{divisions}</div></header>\n'
    )


def _unsupported(report: Mapping[str, Any]) -> str:
    rows = list(_gaps(report))
    if not rows:
        return ""
    table = table_html(("where", "figure", "why"), rows)
    return (
        "<section><h2>Figures that these data do not support</h2><p>A figure with too few texts or groups is not "
        f'estimated.</p><div class="gaps">{table}</div></section>\n'
    )


def _gaps(report: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    results = report["results"]["detector"]
    places = [*results["within_source"].items()]
    places += [(f"{row['words']} words", row) for row in report["by_length"]["bins"]]
    for place, figures in places:
        reasons: dict[str, list[str]] = {}
        for name, value in figures.items():
            if isinstance(value, str) and value.startswith("not supported"):
                shown = name.replace("tpr", "TPR").replace("auroc", "AUROC").replace("_percent", " %").replace("_", " ")
                reasons.setdefault(value, []).append(shown)
        for reason, names in reasons.items():
            yield place, ", ".join(names), reason
