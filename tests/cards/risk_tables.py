"""The tables of the risk model's card."""

from __future__ import annotations

import math
from typing import Any

from tests.cards.markdown import share, table

_KINDS = ("all", "weak", "medium", "strong", "hijacked")
_NAMES = ("weak, medium, strong", "weak", "medium", "strong", "unseen (hijacked)")
_GENUINE = "genuine above it"
_FALSE = "false_positives_on_held_out_parameters"


def accounts_caught(figures: dict[str, Any]) -> str:
    """What each score catches at each rate."""
    rows = []
    for row in figures["rows"]:
        rate = row["false_positive_rate"]
        named = [row["score"], "shipped threshold" if rate is None else f"{rate:g}"]
        rows.append([*named, *(_caught(row) if row["supported"] else _unsupported(row))])
    return table(["score", "FPR", *_NAMES, _GENUINE], rows)


def signatures_removed(figures: dict[str, Any]) -> str:
    """The shipped decision with a signature removed from every campaign."""
    found = figures["shipped_decision_with_signature_removed"]
    return table(["removed", *_NAMES, _GENUINE], [[name, *_caught(row)] for name, row in found.items()])


def _caught(row: dict[str, Any]) -> list[str]:
    caught = [row["true_positive_rate"][kind] for kind in _KINDS]
    return [f"{share(of['share'], of['interval'])} n={of['n']}" for of in (*caught, row[_FALSE])]


def _unsupported(row: dict[str, Any]) -> list[str]:
    # The umbrella at delta = .05 has a threshold from this many accounts on (design: feasible only if n suffices).
    needed = math.ceil(math.log(0.05) / math.log1p(-row["false_positive_rate"]))
    return [f"not supported (n={row['calibration_accounts']}, needs {needed})", *[""] * len(_KINDS)]
