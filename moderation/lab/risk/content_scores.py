"""Scores every distinct text once with the detector."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from moderation.detector import Detector

_AT_A_TIME = 256


def score_texts(
    detector: Detector,
    texts: Iterable[str],
    logit_of: dict[str, float],
    advance: Callable[[int], None] = lambda _n: None,
) -> None:
    """Add the logits of *texts* to *logit_of*; texts that it already contains are not scored (NaN: abstained)."""
    new = sorted(set(texts) - logit_of.keys(), key=lambda text: (len(text), text))
    for begin in range(0, len(new), _AT_A_TIME):
        batch = new[begin : begin + _AT_A_TIME]
        for text, score in zip(batch, detector.score(batch), strict=True):
            logit_of[text] = score.logit
        advance(len(batch))
