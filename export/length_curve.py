"""The least length of a text that is scored: the AUROC on the beginnings of texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from export.balanced_auroc import within_source_auroc
from export.labelled_texts import LabelledText
from moderation.detector import Detector
from moderation.detector.manifest import LengthPoint
from moderation.detector.sections import Cutter
from moderation.text import normalise

LENGTHS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20)
LEAST_AUROC = 0.60


def beginnings(cutter: Cutter, text: str, lengths: Sequence[int]) -> dict[int, str]:
    """Return the first tokens of the normalised *text* for each of *lengths* that it reaches."""
    clean = normalise(text)
    ends = cutter.token_ends(clean)
    return {length: clean[: ends[length - 1]] for length in lengths if length <= len(ends)}


def length_curve(detector: Detector, cutter: Cutter, texts: Sequence[LabelledText]) -> tuple[LengthPoint, ...]:
    """Return the AUROC within sources of *texts* cut to each of `LENGTHS`, with its 95 % interval.

    A text counts at the lengths that it reaches, so that a point is the AUROC of texts of that length. *detector* must
    abstain from none of them.
    """
    cut = [beginnings(cutter, entry.text, LENGTHS) for entry in texts]
    points = []
    for length in LENGTHS:
        reached = [(entry, begin[length]) for entry, begin in zip(texts, cut, strict=True) if length in begin]
        scored = zip(reached, detector.score([begin for _, begin in reached]), strict=True)
        # A cut inside a word can make other tokens of it.
        kept = [(entry, score.logit) for (entry, _), score in scored if score.n_tokens == length]
        members = [entry for entry, _ in kept]
        logits = np.array([logit for _, logit in kept])
        machines = sum(entry.label for entry in members)
        auroc, interval = within_source_auroc(logits, members)
        points.append(
            LengthPoint(
                tokens=length,
                humans=len(members) - machines,
                machines=machines,
                auroc=auroc,
                interval=interval,
            )
        )
    return tuple(points)


def least_tokens(curve: Sequence[LengthPoint]) -> int:
    """Return the smallest length from which on every interval of *curve* lies at 0.60 or above.

    Lengths without an interval decide nothing. One more than the longest where even that lies below, 1 where there is
    no interval at all.
    """
    least = 1
    for point in sorted(curve, key=lambda point: -point.tokens):
        if point.interval is None:
            continue
        if point.interval[0] < LEAST_AUROC:
            return least if least > 1 else point.tokens + 1
        least = point.tokens
    return least
