"""Every text is scored once, however many tables ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from moderation.detector import Detector

_TEXTS_IN_A_CALL = 256

Progress = Callable[[int, int], None]


class Logits:
    """The logits of the texts that were scored."""

    def __init__(self, known: dict[str, float]) -> None:
        self._known = known

    def of(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return one raw logit per text, NaN where the detector abstains. Raises KeyError for an unknown text."""
        return np.array([self._known[text] for text in texts], dtype=np.float64)

    def flaggable(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the logits with an abstention as minus infinity: a text without a score is never flagged."""
        return np.nan_to_num(self.of(texts), nan=-np.inf)


def score_once(detector: Detector, texts: Iterable[str], progress: Progress) -> Logits:
    """Return the logits of the distinct ones among *texts*; *progress* is called with (done, all) of these."""
    distinct = list(dict.fromkeys(texts))
    known: dict[str, float] = {}
    for begin in range(0, len(distinct), _TEXTS_IN_A_CALL):
        part = distinct[begin : begin + _TEXTS_IN_A_CALL]
        known.update(zip(part, (score.logit for score in detector.score(part)), strict=True))
        progress(len(known), len(distinct))
    return Logits(known)
