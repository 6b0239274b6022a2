"""``python -m tests.bench.exact_products``: the shipped detector with exact sums of 8-bit products and without.

Texts are the banks of honest texts, fixed seed, on one thread. Where the processor has VNNI both are the same.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from rich.console import Console

from moderation.attacks import BENIGN
from moderation.detector import load_detector, sessions, shipped_detector
from tests.bench.detector.turns import Way, best_of_turns

_WITHOUT = ("session.x64quantprecision", "0")


def measured(texts_of_each: int, rounds: int) -> dict[str, Any]:
    """Return how far the logits lie apart, and the time with exact sums over the time without."""
    texts = [text for bank in BENIGN for text in bank.texts(1, texts_of_each)]

    def way() -> Way:
        detector = load_detector(shipped_detector(), threads=1, remembered_texts=0)
        return lambda: [score.logit for score in detector.score(texts)]

    exact = way()
    with patch.object(sessions, "_EXACT_PRODUCTS", _WITHOUT):
        cut_off = way()
    seconds, logits = best_of_turns({"exact": exact, "cut off": cut_off}, rounds)
    apart = np.abs(np.subtract(logits["exact"], logits["cut off"]))
    return {
        "processor": _processor(),
        "texts": len(texts),
        "rounds": rounds,
        "largest_logit_difference": round(float(np.nanmax(apart)), 3),
        "mean_logit_difference": round(float(np.nanmean(apart)), 3),
        "time_with_exact_sums_over_without": round(seconds["exact"] / seconds["cut off"], 2),
    }


def _processor() -> str:
    """The processor's name, and which instructions for 8-bit products it has."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    has = {"avx2", "avx512f", "avx_vnni", "avx512_vnni"} & set(told["flags"].split())
    return f"{told['model name']} ({', '.join(sorted(has)) or 'none of AVX2 and VNNI'})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=60, help="of each bank")
    parser.add_argument("--rounds", type=int, default=3, help="of both in turn; the best of each counts")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    report = measured(arguments.texts, arguments.rounds)
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    Console().print_json(data=report)


if __name__ == "__main__":
    main()
