"""The texts of the demo: human texts, and those of a generator fitted on human texts that are not posted."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from moderation.demo.generator import NgramWriter
from moderation.lab.simulation import TextPool

CORPUS_SHARE = 0.5
"""Share of each source that the machines learn from; the rest is what people post."""
MACHINE_TEXTS = 400
"""Different texts that the machines write in the manner of each source."""


def cast(people: Mapping[str, Sequence[str]], seed: int) -> TextPool:
    """Return both sides' texts by source: a person's never occurs in the corpus of the machine that imitates it."""
    return TextPool(
        row
        for number, source in enumerate(sorted(people))
        for row in _both_sides(source, people[source], seed * 1000 + number)
    )


def _both_sides(source: str, texts: Sequence[str], seed: int) -> list[tuple[str, bool, str]]:
    shuffled = list(texts)
    random.Random(seed).shuffle(shuffled)  # noqa: S311  # a demo's cast, nothing secret
    cut = int(len(shuffled) * CORPUS_SHARE)
    corpus, posted = shuffled[:cut], shuffled[cut:]
    said = set(texts)
    machine = [text for text in NgramWriter(corpus).write(MACHINE_TEXTS, seed) if text not in said]
    return [(source, False, text) for text in posted] + [(source, True, text) for text in machine]
