"""``python -m tests.bench.exact_products``: a detector with onnxruntime's exact sums of 8-bit products and without.

Texts are the banks of honest texts, fixed seed, on one thread. Where the processor has VNNI the scores are the same and
exact sums, which the detector does not ask for there, only cost time.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from rich.console import Console

from moderation.detector import exact_products, load_detector
from moderation.lab.attacks import BENIGN
from tests.bench.detector.turns import Way, best_of_turns
from tests.bench.figures_file import measured_into
from tests.bench.processor import processor


def measured(bundle: str, texts_of_each: int, rounds: int) -> dict[str, Any]:
    """Return how far the logits lie apart, and the time with exact sums over the time without."""
    texts = [text for bank in BENIGN for text in bank.texts(1, texts_of_each)]

    def way(*, exact: bool) -> Way:
        with patch.object(exact_products, "fast_sums_are_exact", lambda: not exact):
            detector = load_detector(bundle, threads=1, remembered_texts=0)
        return lambda: [score.logit for score in detector.score(texts)]

    seconds, logits = best_of_turns({"exact": way(exact=True), "fast": way(exact=False)}, rounds)
    apart = np.abs(np.subtract(logits["exact"], logits["fast"]))
    return {
        "processor": processor(),
        "bundle": bundle,
        "fast_sums_are_exact": exact_products.fast_sums_are_exact(),
        "texts": len(texts),
        "rounds": rounds,
        "largest_logit_difference": round(float(np.nanmax(apart)), 3),
        "mean_logit_difference": round(float(np.nanmean(apart)), 3),
        "time_with_exact_sums_over_without": round(seconds["exact"] / seconds["fast"], 2),
    }


def main() -> None:
    """Measure and print; a user's error becomes one sentence and its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default="fast", help="fast, thorough or a folder")
    parser.add_argument("--texts", type=int, default=60, help="of each bank")
    parser.add_argument("--rounds", type=int, default=3, help="of both in turn; the best of each counts")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    report = measured_into(arguments.out, lambda: measured(arguments.bundle, arguments.texts, arguments.rounds))
    Console().print_json(data=report)


if __name__ == "__main__":
    main()
