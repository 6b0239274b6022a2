"""The tables of the risk model's card."""

from __future__ import annotations

import math
from typing import Any

from moderation.risk.certificate import GROUP_LIMIT
from moderation.risk.clopper_pearson import needed_sample, upper_bound
from tests.cards.markdown import share, table

_LEAST_OF_A_GROUP = needed_sample(GROUP_LIMIT)
_KINDS = ("all", "weak", "medium", "strong", "hijacked", "slow", "persona")
_NAMES = ("weak, medium, strong", "weak", "medium", "strong", "hijacked", "slow", "persona")
_STRICTEST = 0.0001
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


def groups_of_people(figures: dict[str, Any]) -> str:
    """Errors of the certificate by group of genuine accounts, and flags on platforms with other parameters."""
    certificate = figures["certificates"]["all"]["groups"]
    held_out = figures["shipped_decision_wrong_by_group"]
    rows = []
    for name, group in certificate.items():
        other = held_out.get(name)
        seen = "none" if other is None else f"{other['k']} of {other['n']}"
        rows.append(
            [
                name.replace("_", " "),
                f"{group['errors']} of {group['accounts']}",
                str(group["writers"]),
                _bound(group),
                seen,
            ]
        )
    return table(["group", "certificate", "writers", "at most", "held-out platforms"], rows)


def _bound(group: dict[str, Any]) -> str:
    units = min(group["accounts"], group["writers"])
    found = upper_bound(group["errors"], units)
    return f"not supported (n={units})" if units < _LEAST_OF_A_GROUP else f"{found:.1e}"


def signatures_removed(figures: dict[str, Any]) -> str:
    """The shipped decision with a signature removed from every campaign."""
    found = figures["shipped_decision_with_signature_removed"]
    return table(["removed", *_NAMES, _GENUINE], [[name, *_caught(row)] for name, row in found.items()])


def styles(figures: dict[str, Any]) -> str:
    """The shipped decision with the texts of campaigns in another style."""
    found = figures["shipped_decision_by_style_of_the_campaigns"]
    return table(["style", *_NAMES, _GENUINE], [[name, *_caught(row)] for name, row in found.items()])


def families_left_out(figures: dict[str, Any]) -> str:
    """The gated score without one family, at the strictest rate; first with all."""
    complete = next(
        row for row in figures["rows"] if row["score"] == "both, gated" and row["false_positive_rate"] == _STRICTEST
    )
    rows = [["none", *_caught(complete)]]
    for name, some in figures["family_left_out"].items():
        row = next(row for row in some if row["false_positive_rate"] == _STRICTEST)
        rows.append([name, *(_caught(row) if row["supported"] else _unsupported(row))])
    return table(["family left out", *_NAMES, _GENUINE], rows)


def first_flags(figures: dict[str, Any]) -> str:
    """When the accounts that the shipped decision flags got their first flag."""
    found = figures["first_flag"]
    rows = [
        [name, str(one["accounts"]), f"{one['median_post']:g}", f"{one['median_hours']:.0f}"]
        for name, one in found.items()
    ]
    return table(
        ["campaign", "accounts flagged", "median post of the first flag", "median hours since the first post"], rows
    )


def real_people(figures: dict[str, Any]) -> str:
    """How many real posts and accounts the typing and the graph family find unusual."""
    typing = {f"typing, {name}": row for name, row in figures["typing"].items() if name != "ranges"}
    rows = [(name, f"{row['posts']} posts of {row['people']} people", row) for name, row in typing.items()]
    for name, row in figures["friendship graphs"].items():
        rows.append((f"graph, {name}", f"{row['accounts']} accounts", row))
    levels = rows[0][2]["share_at_most"]
    shares = [[name, n, *(f"{100 * row['share_at_most'][level]:.1f}%" for level in levels)] for name, n, row in rows]
    return table(["real people", "n", *(f"p ≤ {level}" for level in levels)], shares)


def _caught(row: dict[str, Any]) -> list[str]:
    caught = [row["true_positive_rate"][kind] for kind in _KINDS]
    return [
        f"{share(of['share'], of['interval'])} n={of['n']}" if of["n"] else "no accounts"
        for of in (*caught, row[_FALSE])
    ]


def _unsupported(row: dict[str, Any]) -> list[str]:
    # The umbrella at delta = .05 has a threshold from this many accounts on (design: feasible only if n suffices).
    needed = math.ceil(math.log(0.05) / math.log1p(-row["false_positive_rate"]))
    return [f"not supported (n={row['calibration_accounts']}, needs {needed})", *[""] * len(_KINDS)]
