"""The sections of the report: a heading, a plot with its caption, and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moderation.lab.evaluation.detector.cells import Cell, Section, Table, bounds, estimate, percent, plain
from moderation.lab.evaluation.detector.plots import (
    length_plot,
    loss_plot,
    roc_plot,
    share_plot,
)
from moderation.lab.evaluation.detector.pools import POOL_FPR

POOLS = "fpr_by_human_pool_at_one_threshold_for_1_percent_of_all_humans"


def pools_section(report: Mapping[str, Any]) -> Section:
    """Return the section on the FPR of one threshold on every human pool, the highest first."""
    pools = dict(
        sorted(report["results"]["detector"][POOLS].items(), key=lambda item: float(item[1]["fpr"]), reverse=True)
    )
    rows: list[list[Cell]] = [
        [name, percent(pool["fpr"], 2), bounds(pool["interval"], 2), plain(pool["n"]), plain(pool["groups"])]
        for name, pool in pools.items()
    ]
    return Section(
        "False positives by source",
        share_plot("pools", pools, POOL_FPR, "false-positive rate"),
        "Share of the human texts of every source above one threshold, above which at most 1 % of all human texts lie "
        "(dashed line). A hollow dot has too few groups for an interval. Intervals: " + report["intervals_of_shares"],
        [Table(("pool", "FPR", "95 %", "n", "groups"), rows)],
    )


def within_section(report: Mapping[str, Any]) -> Section:
    """Return the section on ROC, AUROC and TPR within every source, of the detector and the baseline."""
    tables = []
    for judged, results in report["results"].items():
        rows: list[list[Cell]] = []
        for source, row in results["within_source"].items():
            cells = [estimate(plain(row["auroc"], 3), bounds(row["auroc_interval"], 3, as_percent=False))]
            for name in ("tpr_at_5_percent", "tpr_at_1_percent", "tpr_at_0.1_percent"):
                cells.append(estimate(percent(row[name]), bounds(row.get(f"{name}_interval"))))
            rows.append([source, *cells, *(plain(row[name]) for name in ("humans", "machines", "groups"))])
        rates = ("TPR at 5 % FPR", "at 1 % FPR", "at 0.1 % FPR")
        header = ("source", "AUROC", *rates, "humans", "machines", "groups")
        tables.append(Table(header, rows, judged))
    curves = report["roc_at_low_fpr"]
    levels = sorted({rate for curve in curves.values() for rate in curve["fpr"]})
    points: list[list[Cell]] = [
        [source, *(percent(dict(zip(curve["fpr"], curve["tpr"], strict=True)).get(level)) for level in levels)]
        for source, curve in curves.items()
    ]
    heads = ("TPR at FPR", *(f"{100 * level:g} %" for level in levels))
    return Section(
        "Machine texts detected",
        roc_plot(curves),
        "The detector's ROC within each source, the FPR on a logarithmic axis; a curve begins where its source has "
        "enough human texts. Intervals are 95 %, from a bootstrap over groups.",
        [*tables, Table(heads, points, "The points of the curves")],
    )


def length_section(report: Mapping[str, Any]) -> Section:
    """Return the section on accuracy by length."""
    by_length = report["by_length"]
    rows: list[list[Cell]] = [
        [
            row["words"],
            percent(row["balanced_accuracy"]),
            bounds(row.get("balanced_accuracy_interval")),
            percent(row["accuracy"]),
            bounds(row["accuracy_interval"]),
            *(plain(row[name]) for name in ("n", "humans", "machines")),
        ]
        for row in by_length["bins"]
    ]
    return Section(
        "Accuracy by length",
        length_plot(by_length),
        f"Length in {by_length['unit']}; sources with both labels only, at the one threshold where TPR and TNR have "
        "the greatest mean over all of them, found on these texts. Balanced accuracy is the mean of TPR and TNR; "
        "plain accuracy also depends on the share of machine texts in a bin. Intervals are a bootstrap over groups: "
        "they are wide where a few accounts wrote most of a bin.",
        [Table(("words", "balanced accuracy", "95 %", "accuracy", "95 %", "n", "humans", "machines"), rows)],
    )


def attacks_section(report: Mapping[str, Any]) -> Section:
    """Return the section on the loss under every attack."""
    attacks = report["attacks"]
    rows: list[list[Cell]] = [
        [
            row["attack"],
            estimate(plain(row["loss_points"], 1), bounds(row["loss_points_interval"], 1, as_percent=False)),
            percent(row["clean_tpr"]),
            percent(row["attacked_tpr"]),
            estimate(
                plain(row["auroc_loss_points"], 1), bounds(row["auroc_loss_points_interval"], 1, as_percent=False)
            ),
            plain(row["clean_auroc"], 3),
            plain(row["attacked_auroc"], 3),
            percent(row["changed_share"], 0),
            percent(row["same_after_normalisation_share"], 0),
            plain(row["n"]),
            row["what"],
        ]
        for row in attacks["attacks"]
    ]
    header = ("attack", "TPR loss in points", "TPR clean", "attacked", "AUROC loss", "AUROC clean", "attacked")
    sources = ", ".join(attacks["tpr_over_sources"]) or "no source supports a loss"
    table = Table((*header, "texts changed", "same after normalisation", "n", "what"), rows)
    return Section(
        "Loss under attacks",
        loss_plot(attacks["attacks"]),
        f"{attacks['method']} TPR over: {sources}. A negative loss means that the attack raises the scores; an attack "
        "that normalisation undoes has no loss.",
        [table],
        words=True,
    )


def benign_section(report: Mapping[str, Any]) -> Section:
    """Return the section on unusual human texts above the threshold."""
    benign = report["benign"]
    rows: list[list[Cell]] = [
        [
            row["name"],
            percent(row["share"], 2),
            bounds(row["interval"], 2),
            percent(row.get("clean_share"), 2),
            plain(row["n"]),
            row["what"],
        ]
        for row in (*benign["changes"], *benign["banks"])
    ]
    shares = {"clean human texts": benign["clean"]}
    shares |= {row["name"].replace("_", " "): row for row in (*benign["changes"], *benign["banks"])}
    table = Table(("change or bank", "above", "95 %", "clean", "n", "what"), rows)
    return Section(
        "Unusual human texts",
        share_plot("benign", shares, POOL_FPR, "share above the threshold"),
        benign["method"],
        [table],
        words=True,
    )
