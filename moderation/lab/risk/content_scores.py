"""The detector's logit of every text, each scored once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from moderation.detector import Detector

_AT_A_TIME = 256


def score_texts(
    detector: Detector, texts: Iterable[str], known: dict[str, float], advance: Callable[[int], None] = lambda _n: None
) -> None:
    """Add to *known* the logit of each of *texts* that it does not hold yet (NaN: abstained)."""
    new = sorted(set(texts) - known.keys(), key=lambda text: (len(text), text))
    for begin in range(0, len(new), _AT_A_TIME):
        batch = new[begin : begin + _AT_A_TIME]
        for text, score in zip(batch, detector.score(batch), strict=True):
            known[text] = score.logit
        advance(len(batch))
