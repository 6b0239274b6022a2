"""The tables of the detector's card."""

from __future__ import annotations

from typing import Any

from tests.cards.markdown import number, share, table

_RATES = ("5", "1", "0.1")
_NO_LOSS = 0.05
"""Points below which a loss is shown as none."""
_LEAST_TEXTS = 100
"""Texts that a level of learners must have to be shown."""
_SHOWN = ("all", "second language", "second language, level", "formal", "length", "year", "markup")


def people(figures: dict[str, Any]) -> str:
    """False-positive rates by group of people."""
    rows = [
        row
        for row in figures["people"]["groups"]
        if row["kind"] in _SHOWN and (row["n"] >= _LEAST_TEXTS or "level" not in row["kind"])
    ]
    return _rates("group", [(_group(row), row) for row in rows], "fpr")


def worst_sources(figures: dict[str, Any]) -> str:
    """The ten sources of human texts with the highest false-positive rate at 1 %."""
    rows = [row for row in figures["people"]["groups"] if row["kind"] == "source"]
    worst = sorted(rows, key=lambda row: -row["fpr_at_1_percent"])[:10]
    return _rates("source", [(row["group"], row) for row in worst], "fpr")


def machines(figures: dict[str, Any]) -> str:
    """Machine texts above the thresholds of all people, by prompt, family and length."""
    rows = [(_machine(row), row) for row in figures["machines"]]
    return _rates("machine texts", rows, "tpr")


def markup(figures: dict[str, Any]) -> str:
    """The absolute change of the log-odds that markup causes."""
    head = ["change", "human: median", "95th percentile", "machine: median", "95th percentile", "texts"]
    changes: dict[str, dict[str, dict[str, Any]]] = {}
    for row in figures["markup"]:
        changes.setdefault(row["change"], {})[row["texts"]] = row
    rows = []
    for change, sides in changes.items():
        moved = [number(sides[side][name]) for side in ("human", "machine") for name in ("median", "percentile_95")]
        rows.append([change, *moved, f"{sides['human']['n']:,} / {sides['machine']['n']:,}"])
    return table(head, rows)


def left_out(*files: dict[str, Any]) -> str:
    """What recipes find of a source or a family of generators that they were not trained on."""
    rows = []
    for figures in files:
        for fold in figures["folds"]:
            rows += [[f"{fold['kind']} {fold['left_out']}", *_recipe(fold, name)] for name in figures["candidates"]]
    return table(["left out", "recipe", "AUROC, mean of its sources", "TPR at 1 % FPR"], rows)


def _recipe(fold: dict[str, Any], name: str) -> list[str]:
    sources = [found[name] for found in fold["sources"].values()]
    known = [one["tpr_at_1_percent"] for one in sources if not isinstance(one["tpr_at_1_percent"], str)]
    mean = sum(one["auroc"] for one in sources) / len(sources)
    return [name, f"{mean:.3f}", f"{100 * sum(known) / len(known):.0f}%" if known else "not supported"]


def _group(row: dict[str, Any]) -> str:
    return row["group"] if row["kind"] == "all" else f"{row['kind']}: {row['group']}"


def _machine(row: dict[str, Any]) -> str:
    return row["name"] if row["kind"] == "all" else f"{row['kind']}: {row['name']}"


def _rates(first: str, rows: list[tuple[str, dict[str, Any]]], figure: str) -> str:
    auroc = figure == "tpr"
    head = [first, "texts", *(["AUROC"] if auroc else []), *(f"{figure.upper()} at {rate} %" for rate in _RATES)]
    lines = []
    for name, row in rows:
        rates = (share(row[f"{figure}_at_{r}_percent"], row[f"{figure}_at_{r}_percent_interval"]) for r in _RATES)
        lines.append([name, f"{row['n']:,}", *([number(row["auroc"])] if auroc else []), *rates])
    return table(head, lines)


def within_sources(figures: dict[str, Any]) -> str:
    """Detector and baseline in each source of `moderation detector evaluate`."""
    detector, baseline = figures["results"].values()
    head = ["source", "humans / machines / groups", "AUROC", "TPR at 5 % FPR", "TPR at 1 % FPR"]
    rows = []
    for source, row in detector["within_source"].items():
        other = baseline["within_source"][source]
        rows.append(
            [
                source,
                f"{row['humans']:,} / {row['machines']:,} / {row['groups']:,}",
                *(_figure(row, name) for name in ("auroc", "tpr_at_5_percent", "tpr_at_1_percent")),
                *(_figure(other, name) for name in ("auroc", "tpr_at_1_percent")),
            ]
        )
    means = [
        number(result[name])
        for result in (detector, baseline)
        for name in ("mean_within_source_auroc", "mean_tpr_at_1_percent_where_supported")
    ]
    supported = sum(isinstance(row["tpr_at_1_percent"], float) for row in detector["within_source"].values())
    rates = [f"{means[place]} ({supported} sources)" for place in (1, 3)]
    rows.append(["mean", "", f"**{means[0]}**", "", rates[0], means[2], rates[1]])
    return table([*head, "baseline AUROC", "baseline TPR at 1 %"], rows)


def lengths(figures: dict[str, Any]) -> str:
    """Accuracy by number of words."""
    return table(
        ["words", "humans / machines", "accuracy, sides weighted alike", "calibration error"],
        [
            [
                row["words"],
                f"{row['humans']:,} / {row['machines']:,}",
                share(row["balanced_accuracy"], row["balanced_accuracy_interval"]),
                str(row["calibration_error"]),
            ]
            for row in figures["by_length"]["bins"]
        ],
    )


def honest_texts(figures: dict[str, Any]) -> str:
    """Unusual honest texts above the threshold."""
    benign = figures["benign"]
    rows = [
        [
            row["name"].replace("_", " "),
            f"{share(row['share'], row['interval'])} (untouched: {row['clean_share']:.1%})"
            if "clean_share" in row
            else share(row["share"], row["interval"]),
        ]
        for row in (*benign["changes"], *benign["banks"])
    ]
    return table(["text", "share above the threshold"], rows)


def attacks(figures: dict[str, Any]) -> str:
    """What each attack costs, the most expensive first."""
    found = sorted(figures["attacks"]["attacks"], key=lambda row: (-row["auroc_loss_points"], row["attack"]))
    free = [row for row in found if abs(row["auroc_loss_points"]) < _NO_LOSS]
    names = ", ".join(f"`{row['attack']}`" for row in free)
    rows = []
    for row in found:
        if row not in free:
            caught = "not supported" if row["loss_points"] is None else f"{row['loss_points']:.1f}"
            rows.append([row["attack"], caught, f"{row['auroc_loss_points']:.1f}"])
    listed = f"No loss of AUROC: {names}.\n\n" if free else ""
    return listed + table(["attack", "TPR, points", "AUROC, points"], rows)


def speed(figures: dict[str, Any]) -> str:
    """How many times as fast as PyTorch's ways the detector is on the CPU."""
    named = {
        "arrival": "32 at a time as they arrive",
        "alone": "one at a time",
        "by_length": "32 at a time by length",
    }
    rows = [[told, f"{figures['times_as_fast'][way]:.1f}", f"{figures['goals'][way]:g}"] for way, told in named.items()]
    return table(["PyTorch", "ours is so many times as fast", "goal"], rows)


def _figure(row: dict[str, Any], name: str) -> str:
    return number(row[name], row.get(f"{name}_interval"))
