"""`moderation signals`: metadata features on real people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def signals_command(
    data: Annotated[Path, typer.Option(help="Directory with the real metadata (CSV files, compressed with zstd).")],
    bundle: Annotated[
        Path | None, typer.Option(help="Directory of a risk bundle; default: the one shipped with the detector.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
) -> None:
    """Check the metadata families of a risk bundle on real people.

    Prints how often the typing of real people is unusual for the model, beside the nominal rate, and how far each
    account and graph feature separates real labelled accounts. None of these people trained the model.

    Example:  moderation signals --data DIR --out signals.json

    Exit codes: 0 measured; 2 a file is missing or cannot be read; 3 the bundle is unusable.
    """
    import json

    from rich.console import Console

    from moderation.errors import InputError
    from moderation.lab.evaluation.signals.run import measured
    from moderation.risk.bundle import SHIPPED, read_bundle

    if out is not None and not out.parent.is_dir():
        raise InputError(f"The directory {out.parent} of --out does not exist; create it, or give another --out.")
    found = measured(data, read_bundle(bundle or SHIPPED))
    _print(found, Console(width=160))
    if out is not None:
        out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _print(found: dict[str, Any], console: Console) -> None:
    console.print(_unusual(found))
    for family in ("account", "graph"):
        for name, rows in found[family].items():
            console.print(_separation(f"{family}: {name}", rows["features"]))
            console.print(
                f"unusual for the family: {rows['unusual_of_automated_or_fraudulent']:.1%} of "
                f"{rows['automated_or_fraudulent']} automated or fraudulent, {rows['unusual_of_genuine']:.1%} of "
                f"{rows['genuine']} genuine"
            )


def _unusual(found: dict[str, Any]) -> Table:
    from rich.table import Table

    typing = {name: row for name, row in found["typing"].items() if name != "ranges"}
    levels = next(iter(typing.values()))["share_at_most"]
    table = Table(title="Real people with a p-value of at most")
    for heading in ("people", "n", *levels):
        table.add_column(heading)
    rows = [(f"typing: {name}", f"{row['posts']} posts of {row['people']}", row) for name, row in typing.items()]
    rows += [(f"graph: {name}", f"{row['accounts']} accounts", row) for name, row in found["friendship graphs"].items()]
    for name, n, row in rows:
        table.add_row(name, n, *(f"{share:.1%}" for share in row["share_at_most"].values()))
    return table


def _separation(title: str, rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(title=title)
    for heading in ("feature", "AUROC", "median genuine", "median automated or fraudulent"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row["feature"], f"{row['auroc']:.3f}", *(f"{value:.3g}" for value in row["medians"]))
    return table
