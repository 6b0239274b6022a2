"""`moderation evaluate`: true-positive rates of a risk bundle at stated false-positive rates, on simulated accounts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moderation.lab.commands.data_manifest import DataManifest


def evaluate_command(
    data: Annotated[Path | None, typer.Option(help="Directory with the text data.")] = None,
    texts: Annotated[
        Path | None, typer.Option(help="Instead of --data: JSON lines with id, label, source, group and text.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Directory of a risk bundle; default: the one shipped with the detector.")
    ] = None,
    detector: Annotated[
        Path | None, typer.Option(help="Directory of a detector bundle; default: the shipped one.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
    small: Annotated[
        bool,
        typer.Option(
            "--small",
            help="Evaluate on few accounts, with wide intervals: minutes for the shipped bundle, whose threshold step "
            "is simulated in full, and seconds for one of `train --small`.",
        ),
    ] = False,
    data_manifest: DataManifest = None,
) -> None:
    """Print true-positive rates at account-level false-positive rates of 1e-2, 1e-3 and 1e-4.

    For content only, metadata only and both, gated and ungated, by strength of campaign and for a family excluded
    from training; then with each planted signature removed. No account, parameter or text was used in training.
    Every figure has its n and interval, or reads "not supported".

    Example:  moderation evaluate --data DIR --out figures.json

    Exit codes: 0 measured; 2 wrong arguments or texts; 3 a bundle is unusable.
    """
    import json

    from rich.console import Console

    from moderation.detector import load_detector
    from moderation.errors import InputError
    from moderation.lab.evaluation.risk.report import as_json, print_report
    from moderation.lab.evaluation.risk.run import SMALL, Sizes, evaluate
    from moderation.lab.risk.step_progress import StepProgress
    from moderation.lab.risk.texts import load_risk_texts
    from moderation.risk import load_risk
    from moderation.risk.manifest import POLICIES

    if out is not None and not out.parent.is_dir():
        raise InputError(f"The directory {out.parent} of --out does not exist; create it, or give another --out.")
    loaded = load_detector(detector)
    models = {policy: load_risk(bundle, detector_hash=loaded.manifest_hash, policy=policy) for policy in POLICIES}
    read = load_risk_texts(data, texts, data_manifest)
    with StepProgress() as progress:
        found = evaluate(models, loaded, read, SMALL if small else Sizes(), progress)
    print_report(found, models["all"], Console(width=220))
    if out is not None:
        try:
            out.write_text(json.dumps(as_json(found, models["all"]), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(f"Cannot write {out}: {error.strerror}. Name a file in a directory that exists.") from None
