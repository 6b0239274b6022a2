"""The terminal table of `moderation detector compare`."""

from __future__ import annotations

from typing import Any

from rich.table import Table


def comparison_table(report: dict[str, Any]) -> Table:
    """Return a row for each fold, source and candidate, and the means below; TPR is at 1 % FPR."""
    table = Table("left out", "tested on", "", "AUROC", "95 %", "TPR", "95 %", "humans", "machines", "groups")
    for fold in report["folds"]:
        for source, results in fold["sources"].items():
            for name, row in results.items():
                rate = row.get("tpr_at_1_percent_interval", "")
                cells = (row["auroc"], row["auroc_interval"], row["tpr_at_1_percent"], rate)
                sizes = (row["humans"], row["machines"], row["groups"])
                table.add_row(f"{fold['kind']} {fold['left_out']}", source, name, *map(str, (*cells, *sizes)))
            table.add_section()
    for kind, means in report["means"].items():
        for name, mean in means.items():
            gain = f"AUROC − words: {mean['auroc_minus_words']:+.4f} {mean['auroc_minus_words_interval']}"
            figures = (mean["auroc"], mean["auroc_interval"], mean["tpr_at_1_percent_where_supported"])
            table.add_row(f"mean over {kind}s", gain, name, *map(str, figures))
        table.add_section()
    return table
