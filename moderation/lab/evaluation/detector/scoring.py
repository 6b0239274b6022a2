"""Scores every distinct text once, for all tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from moderation.detector import Detector

_TEXTS_IN_A_CALL = 256

Progress = Callable[[int, int], None]


class Logits:
    """The logits of the texts that were scored."""

    def __init__(self, logit_of: dict[str, float], probability_of: dict[str, float]) -> None:
        self._logit_of = logit_of
        self._probability_of = probability_of

    def of(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return one raw logit per text, NaN where the detector abstains. Raises KeyError for an unknown text."""
        return np.array([self._logit_of[text] for text in texts], dtype=np.float64)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return one calibrated probability per text, NaN where the detector abstains."""
        return np.array([self._probability_of[text] for text in texts], dtype=np.float64)

    def flaggable(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the logits with an abstention as minus infinity: a text without a score is never flagged."""
        return np.nan_to_num(self.of(texts), nan=-np.inf)


def score_once(detector: Detector, texts: Iterable[str], progress: Progress) -> Logits:
    """Return the logits of the distinct *texts*; *progress* is called with (texts done, all texts)."""
    distinct = list(dict.fromkeys(texts))
    logit_of: dict[str, float] = {}
    probability_of: dict[str, float] = {}
    for begin in range(0, len(distinct), _TEXTS_IN_A_CALL):
        part = distinct[begin : begin + _TEXTS_IN_A_CALL]
        scores = detector.score(part)
        logit_of.update(zip(part, (score.logit for score in scores), strict=True))
        probability_of.update(zip(part, (score.probability for score in scores), strict=True))
        progress(len(logit_of), len(distinct))
    return Logits(logit_of, probability_of)
