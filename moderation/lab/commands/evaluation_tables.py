"""The terminal tables of `moderation detector evaluate`: groups of people first."""

from __future__ import annotations

from typing import Any

from rich.table import Table

_RATES = ("5", "1", "0.1")
_SHOWN = ("all", "second language", "second language, level", "formal", "length", "markup")


def evaluation_tables(figures: dict[str, Any]) -> list[Table]:
    """Return the tables of the figures of `evaluate`."""
    return [_people(figures), _worst_sources(figures), _machines(figures), _within(figures), _markup(figures)]


def _people(figures: dict[str, Any]) -> Table:
    table = _rates_table("False-positive rate at the thresholds of all people", "FPR")
    for row in figures["people"]["groups"]:
        if row["kind"] in _SHOWN:
            table.add_row(f"{row['kind']}: {row['group']}", *_rates(row, "fpr"), str(row["n"]), str(row["groups"]))
    return table


def _worst_sources(figures: dict[str, Any]) -> Table:
    table = _rates_table("The ten sources of human texts with the highest rate", "FPR")
    sources = [row for row in figures["people"]["groups"] if row["kind"] == "source"]
    for row in sorted(sources, key=lambda row: -row["fpr_at_1_percent"])[:10]:
        table.add_row(row["group"], *_rates(row, "fpr"), str(row["n"]), str(row["groups"]))
    return table


def _machines(figures: dict[str, Any]) -> Table:
    table = _rates_table("Machine texts above these thresholds", "TPR")
    table.add_column("AUROC")
    for row in figures["machines"]:
        name = f"{row['kind']}: {row['name']}"
        table.add_row(name, *_rates(row, "tpr"), str(row["n"]), str(row["groups"]), str(row["auroc"]))
    return table


def _rates_table(title: str, figure: str) -> Table:
    return Table("", *(f"{figure} at {rate} %" for rate in _RATES), "n", "groups", title=title)


def _rates(row: dict[str, Any], figure: str) -> list[str]:
    return [f"{row[f'{figure}_at_{rate}_percent']} {row[f'{figure}_at_{rate}_percent_interval']}" for rate in _RATES]


def _within(figures: dict[str, Any]) -> Table:
    table = Table("", "source", "AUROC", "95 %", "TPR at 1 % FPR", "humans", "machines", title="Within each source")
    for name, result in figures["results"].items():
        for source, row in result["within_source"].items():
            cells = (row["auroc"], row["auroc_interval"], row["tpr_at_1_percent"], row["humans"], row["machines"])
            table.add_row(name.split(":")[0], source, *map(str, cells))
        mean = (result["mean_within_source_auroc"], "", result["mean_tpr_at_1_percent_where_supported"])
        table.add_row(name.split(":")[0], "mean", *map(str, mean), end_section=True)
    return table


def _markup(figures: dict[str, Any]) -> Table:
    table = Table("change", "texts", "median", "95th percentile", "n", title="Absolute change of the log-odds")
    for row in figures["markup"]:
        table.add_row(*(str(row[name]) for name in ("change", "texts", "median", "percentile_95", "n")))
    return table
