"""``python -m tests.bench.companion_precision COMPANION --texts HELDOUT``: what its precision moves in joined scores.

COMPANION is a bundle with fp32 and a faster precision (`moderation companion export --precision fp32,int8-dynamic`),
HELDOUT what `moderation detector heldout` wrote. The joined bundle's own rules and detector judge every text, once with
each precision of the companion; nothing is fitted. The AUROC is over all texts, every source of a side alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from export.labelled_texts import LabelledText, read_labelled_texts
from export.shipped_parity import parity_of_logits
from moderation.detector.companion import load_companion
from moderation.detector.companion.manifest import CompanionPrecision, read_companion_manifest
from moderation.detector.joined.detector import JoinedDetector
from moderation.detector.joined.manifest import DETECTOR_PART, read_joined_manifest
from moderation.detector.loading import load_alone
from moderation.detector.shipped import directory_of
from moderation.errors import SettingsError
from tests.bench.figures_file import measured_into
from tests.bench.processor import processor

_TEXTS_AT_A_TIME = 64


def measured(bundle: Path, companion: Path, texts: Sequence[LabelledText], progress: Progress) -> dict[str, Any]:
    """Return what each precision of *companion* moves in the log-odds of the joined *bundle*, compared with fp32.

    Raises BundleError for bundles of another kind, SettingsError where there is no fp32 or nothing beside it.
    """
    manifest, manifest_hash = read_joined_manifest(bundle)
    precisions = read_companion_manifest(companion)[0].precisions
    if "fp32" not in precisions or len(precisions) == 1:
        raise SettingsError(
            f"{companion} has {', '.join(precisions)}: to compare, export it with --precision fp32,int8-dynamic."
        )
    detector = load_alone(bundle / DETECTOR_PART)

    def logits_at(precision: CompanionPrecision) -> NDArray[np.float64]:
        asked = load_companion(companion, precision=precision)
        pair = JoinedDetector(manifest, manifest_hash, detector, asked, remembered_texts=0, deadline_s=None)
        task = progress.add_task(precision, total=len(texts))
        logits: list[float] = []
        for begin in range(0, len(texts), _TEXTS_AT_A_TIME):
            some = [entry.text for entry in texts[begin : begin + _TEXTS_AT_A_TIME]]
            logits += [np.nan if score.abstained else score.logit for score in pair.score(some)]
            progress.update(task, completed=len(logits))
        return np.array(logits)

    exact = logits_at("fp32")
    moved = {kind: parity_of_logits(logits_at(kind), exact, texts) for kind in precisions if kind != "fp32"}
    return {
        "joined": manifest.name,
        "companion": read_companion_manifest(companion)[0].name,
        "processor": processor(),
        "moved": {kind: found.model_dump() if found else None for kind, found in moved.items()},
    }


def main() -> None:
    """Measure and print; a user's error becomes one sentence and its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("companion", type=Path, help="a companion with fp32 and a faster precision")
    parser.add_argument("--texts", type=Path, required=True, help="JSONL that `moderation detector heldout` wrote")
    parser.add_argument("--bundle", default="thorough", help="joined bundle whose rules and detector judge")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()

    def measure() -> dict[str, Any]:
        texts = read_labelled_texts(arguments.texts)
        with Progress(console=Console(stderr=True)) as progress:
            return measured(directory_of(arguments.bundle), arguments.companion, texts, progress)

    report = measured_into(arguments.out, measure)
    Console().print_json(data=report)


if __name__ == "__main__":
    main()
