"""The texts of the demo: human texts, and texts of a generator fitted on human texts that are not posted."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from moderation.demo.generator import NgramWriter
from moderation.lab.simulation import WriterPool

CORPUS_SHARE = 0.5
"""Share of each source that the generator is fitted on; the rest is posted."""
MACHINE_TEXTS = 400
"""Number of different machine texts for each source."""


def cast(people: Mapping[str, Sequence[str]], seed: int) -> WriterPool:
    """Return human and machine texts by source; no human text is in the corpus of the generator."""
    return WriterPool(
        row
        for number, source in enumerate(sorted(people))
        for row in _both_sides(source, people[source], seed * 1000 + number)
    )


def _both_sides(source: str, texts: Sequence[str], seed: int) -> list[tuple[str, str | None, str]]:
    shuffled = list(texts)
    random.Random(seed).shuffle(shuffled)  # nosec B311  # noqa: S311  # a demo's cast, nothing secret
    cut = int(len(shuffled) * CORPUS_SHARE)
    corpus, posted = shuffled[:cut], shuffled[cut:]
    known_texts = set(texts)
    machine = [text for text in NgramWriter(corpus).write(MACHINE_TEXTS, seed) if text not in known_texts]
    return [(source, None, text) for text in posted] + [(source, "n-grams", text) for text in machine]
