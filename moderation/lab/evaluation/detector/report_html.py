"""The report as one self-contained HTML page, without scripts or external resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from moderation.lab.evaluation.detector.cells import Table, bounds, percent, plain
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
    pages = Environment(
        loader=PackageLoader("moderation.lab.evaluation.detector"), autoescape=True, undefined=StrictUndefined
    )
    sections = [
        section(report) for section in (pools_section, within_section, length_section, attacks_section, benign_section)
    ]
    gaps = Table(("where", "figure", "why"), list(_gaps(report)))
    page = pages.get_template("report.html").render(
        title=_TITLE, report=report, headline=_headline(report), gaps=gaps, sections=sections
    )
    # A name from the data may contain a lone surrogate, which cannot be encoded.
    return page.encode("utf-8", "replace").decode("utf-8")


def _headline(report: Mapping[str, Any]) -> dict[str, object]:
    results = report["results"]["detector"]
    worst = results["worst_pool"]
    tpr = results["mean_tpr_at_1_percent_where_supported"]
    return {
        "rows": plain(report["rows"]),
        "abstained": plain(report["abstained"]),
        "seed": plain(report["plan"]["seed"]),
        "changed_texts": plain(report["plan"]["changed_texts"]),
        "worst": percent(worst["fpr"], 2),
        "worst_pool": worst["pool"],
        "worst_interval": bounds(worst["interval"], 2),
        "worst_n": plain(worst["n"]),
        "auroc": plain(results["mean_within_source_auroc"], 3),
        "tpr": "not supported" if tpr is None else percent(tpr),
    }


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
