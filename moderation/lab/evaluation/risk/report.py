"""Writes the evaluation as tables for the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from moderation.features import FEATURES_VERSION
from moderation.lab.evaluation.risk.figures import STRENGTHS, Row, least_accounts
from moderation.lab.evaluation.risk.run import Evaluation
from moderation.risk.model import BundledRiskModel

TITLE = "True-positive rate per account, SIMULATED accounts (held-out parameters and texts)"


def as_json(evaluation: Evaluation, model: BundledRiskModel) -> dict[str, Any]:
    """Return all figures, with the bundle that they hold for."""
    return {
        "simulated": True,
        "risk_bundle": model.manifest_hash,
        "detector": model.detector_hash,
        "features_version": FEATURES_VERSION,
        "certificates": {
            policy: {
                **entry.certificate.model_dump(),
                "bound": entry.certificate.bound,
                "passed": entry.certificate.passed,
                "cluster_bound": entry.certificate.cluster_bound,
                "sentence": entry.certificate.sentence(),
            }
            for policy, entry in model.manifest.policies.items()
        },
        "groups": dict(evaluation.groups),
        "rows": [row.as_json() for row in evaluation.rows],
        "shipped_decision_with_signature_removed": {name: row.as_json() for name, row in evaluation.without.items()},
        "shipped_decision_by_style_of_the_campaigns": {name: row.as_json() for name, row in evaluation.styles.items()},
        "family_left_out": {name: [row.as_json() for row in rows] for name, rows in evaluation.left_out.items()},
        "first_flag": {name: asdict(first) for name, first in evaluation.first_flags.items()},
        "shipped_decision_wrong_by_group": {name: share.as_json() for name, share in evaluation.wrong_by_group.items()},
    }


def print_report(evaluation: Evaluation, model: BundledRiskModel, console: Console) -> None:
    """Print the tables; every share has its n and 95 % interval."""
    rows = [(row.score, _rate(row), *_cells(row)) for row in evaluation.rows]
    console.print(_table(TITLE, ("score", "FPR"), rows))
    console.print("content only, gated: never flags; the gate does not open for text alone.")
    removed = [(name, *_cells(row)) for name, row in evaluation.without.items()]
    title = "The shipped decision with a planted signature removed from every campaign (SIMULATED)"
    console.print(_table(title, ("removed",), removed))
    styles = [(name, *_cells(row)) for name, row in evaluation.styles.items()]
    title = "The shipped decision with the texts of campaigns in another style (SIMULATED, one platform)"
    console.print(_table(title, ("style",), styles))
    left_out = [(name, _rate(row), *_cells(row)) for name, some in evaluation.left_out.items() for row in some]
    title = "Both, gated, without one family (SIMULATED, held-out parameters)"
    console.print(_table(title, ("family left out", "FPR"), left_out))
    for name, first in evaluation.first_flags.items():
        console.print(
            f"{name}: {first.accounts} accounts flagged, half of them by their post {first.median_post:g}, "
            f"{first.median_hours:.0f} h after the first one."
        )
    groups = Table(title="Genuine accounts that the shipped decision flags (SIMULATED, held-out parameters)")
    groups.add_column("group")
    groups.add_column("flagged")
    for name, share in evaluation.wrong_by_group.items():
        groups.add_row(name, str(share))
    console.print(groups)
    console.print("; ".join(f"{name}: {count}" for name, count in evaluation.groups.items()))
    console.print(model.describe())


def _table(title: str, named: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table of shares by strength; *named* heads the columns before them."""
    table = Table(title=title)
    for heading in (*named, "weak, medium, strong", *STRENGTHS, "genuine above it (held-out)"):
        table.add_column(heading)
    for row in rows:
        table.add_row(*row)
    return table


def _rate(row: Row) -> str:
    return "shipped" if row.rate is None else f"{row.rate:g}"


def _cells(row: Row) -> list[str]:
    if row.threshold is None or row.wrong is None:
        need = least_accounts(row.rate or 0.5)
        unsupported = f"not supported (n={row.calibration_accounts}, needs {need})"
        return [unsupported, *([""] * (len(STRENGTHS) + 1))]
    return [*(str(row.caught[name]) for name in ("all", *STRENGTHS)), str(row.wrong)]
