"""``python -m tests.bench.joined [BUNDLE]``: a joined bundle beside its detector alone and RoBERTa-base in PyTorch.

Posts are common words in random order, lengths log-normal (median 35 words, σ 1, cut at 380), fixed seed: speed is
measured, not scores. RoBERTa-base has random weights and one token a word, the bundle's parts have more. PyTorch
computes at fp32, 32 posts at a time, as they arrive and by length. Every core is used, and no score is remembered.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from transformers import pipeline

from moderation.attacks import BENIGN
from moderation.detector import ContentScore, load_detector
from moderation.detector.joined.manifest import DETECTOR_PART, read_joined_manifest
from moderation.detector.sessions import cores
from moderation.detector.shipped import directory_of
from moderation.settings import Settings
from tests.bench.detector.network import network_of, write_checkpoint
from tests.bench.detector.turns import Way, best_of_turns
from tests.bench.figures_file import measured_into
from tests.bench.processor import processor

_MOST_WORDS = 380
_COSTLY_BYTES = 640
_RECORD_BYTES = 200
"""What a record holds beside its text, at the least."""


def posts(count: int, seed: int = 1) -> list[str]:
    """Return posts of words that stand in the banks of honest texts."""
    words = _words()
    rng = np.random.default_rng(seed)
    lengths = np.clip(np.exp(rng.normal(np.log(35), 1, count)).round(), 4, _MOST_WORDS).astype(int)
    return [" ".join(words[number] for number in rng.integers(0, len(words), length)) for length in lengths]


def costly_posts(count: int, seed: int = 1) -> list[str]:
    """Return posts with about as many tokens as their bytes can have and the companion still be heard.

    They are words of three letters, ten to a blank: what falls into shorter pieces it never reads (decision 0615).
    """
    rng = random.Random(seed)
    short = [word for word in _words() if len(word) == 3 and word.islower()]
    return [
        " ".join("".join(rng.choice(short) for _ in range(10)) for _ in range(_COSTLY_BYTES // 31))
        for _ in range(count)
    ]


def _words() -> list[str]:
    texts = (text for bank in BENIGN for text in bank.texts(1, 40))
    return sorted({word for text in texts for word in text.split() if word.isascii() and word.isalpha()})


def measured(bundle: Path, count: int, rounds: int, *, small: bool = False) -> dict[str, Any]:
    """Return how many times as fast as PyTorch the joined *bundle* and its detector are, and what a batch can cost.

    Raises BundleError for a bundle that is not joined.
    """
    read_joined_manifest(bundle)
    texts = posts(count)
    both, alone = (load_detector(part, remembered_texts=0) for part in (bundle, bundle / DETECTOR_PART))
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "checkpoint"
        write_checkpoint(checkpoint, small=small)
        model, tokenizer = network_of(checkpoint)
        classify = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")

        def torch_way(order: Sequence[str]) -> Way:
            return lambda: [answer["score"] for answer in classify(list(order), batch_size=32, truncation=True)]

        ways: dict[str, Way] = {
            "both": lambda: [score.logit for score in both.score(texts)],
            "detector alone": lambda: [score.logit for score in alone.score(texts)],
            "arrival": torch_way(texts),
            "by_length": torch_way(sorted(texts, key=len)),
        }
        seconds, _ = best_of_turns(ways, rounds)
    return {
        "posts": count,
        "words": sum(len(text.split()) for text in texts),
        "rounds": rounds,
        "cores": cores(),
        "processor": processor(),
        "bundle": both.describe(),
        "detector_alone_times_as_fast_as_both": round(seconds["both"] / seconds["detector alone"], 1),
        "times_as_fast_as_torch": {
            name: {way: round(seconds[way] / seconds[name], 1) for way in ("arrival", "by_length")}
            for name in ("both", "detector alone")
        },
        "companion_is_heard_on_costly_posts": all(_is_heard(score) for score in both.score(costly_posts(4))),
        "costliest_batch_share_of_deadline_on_one_thread": round(_costliest_batch(bundle, 2 if small else 24), 5),
    }


def _is_heard(score: ContentScore) -> bool:
    return score.parts is not None and not math.isnan(score.parts.companion)


def _costliest_batch(bundle: Path, sample: int) -> float:
    """How much of the deadline a batch of the default size takes at the most, by a sample of its posts."""
    settings = Settings.model_validate({})
    fitting = min(settings.batch.max_records, settings.batch.max_bytes // (_COSTLY_BYTES + _RECORD_BYTES))
    texts = costly_posts(sample)
    detector = load_detector(bundle, threads=1, remembered_texts=0)
    detector.score(texts[:1])
    began = time.perf_counter()
    detector.score(texts)
    return (time.perf_counter() - began) / sample * fitting / settings.detector_deadline_s


def main() -> None:
    """Measure and print; a user's error becomes one sentence and its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "bundle", nargs="?", default="thorough", help="thorough (default), or what `moderation companion join` wrote"
    )
    parser.add_argument("--posts", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=3, help="of all ways in turn; the best of each counts")
    parser.add_argument("--small", action="store_true", help="beside a tiny model, to try the command")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    report = measured_into(
        arguments.out,
        lambda: measured(directory_of(arguments.bundle), arguments.posts, arguments.rounds, small=arguments.small),
    )
    Console().print_json(data=report)


if __name__ == "__main__":
    main()
