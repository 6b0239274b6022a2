"""The detector that asks a detector bundle and a companion, and answers with one score."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

from moderation.detector.calibration import sigmoid
from moderation.detector.companion.companion import Companion
from moderation.detector.companion.statistics import figures_of
from moderation.detector.joined.manifest import JoinedManifest
from moderation.detector.onnx_detector import OnnxDetector
from moderation.detector.remembered import Remembered, content_key
from moderation.detector.scores import ContentScore, PartScores


class JoinedDetector:
    """A verified joined bundle, ready to score. Safe to call from several threads.

    The logit is the calibrated log-odds of the mean of both parts' scores, each in standard deviations. Where the
    companion is not heard on a text, because too few of its tokens are new or they are too short to be words that it
    knows, it counts as if it had nothing to say either way, and so it does at the most where it finds the text
    unexpected. Where the detector abstains, this one does. Sections keep the detector's raw logits: the companion reads
    a text as a whole. The probability is that of the logit; a declared language changes neither.
    """

    def __init__(
        self,
        manifest: JoinedManifest,
        manifest_hash: str,
        detector: OnnxDetector,
        companion: Companion,
        *,
        remembered_texts: int,
        deadline_s: float | None,
    ) -> None:
        self.manifest = manifest
        self.manifest_hash = manifest_hash
        self._detector = detector
        self._companion = companion
        self._deadline_s = deadline_s
        self._remembered: Remembered[float] = Remembered(remembered_texts)

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        """Return one score per text, in order; a text that occurs again, soon enough, is not computed again."""
        started_s = time.monotonic()
        alone = self._detector.score(texts, languages)
        keys = [content_key(text) for text in texts]
        heard = {key: text for key, text, score in zip(keys, texts, alone, strict=True) if not math.isnan(score.logit)}
        values = {key: value for key in heard if (value := self._remembered.of(key)) is not None}
        values |= self._zero_shot({key: text for key, text in heard.items() if key not in values}, started_s)
        return [self._joined(score, values.get(key, math.nan)) for key, score in zip(keys, alone, strict=True)]

    def describe(self) -> str:
        """Say in words which bundle runs, and of which two parts, each at which precision and where."""
        return (
            f"{self.manifest.name} ({self.manifest_hash[:12]}), the mean of what two say: {self._detector.describe()}; "
            f"and the companion {self._companion.describe()}"
        )

    def _zero_shot(self, texts: dict[bytes, str], started_s: float) -> dict[bytes, float]:
        values = dict.fromkeys(texts, math.nan)
        joining = self.manifest.joining
        least = joining.least_characters_per_token
        read = {key: text for key, text in texts.items() if self._companion.characters_per_token(text) >= least}
        spent_s = time.monotonic() - started_s
        scores = self._companion.score(list(read.values()), self._deadline_s, spent_s)
        figures = figures_of([score.features for score in scores])
        found = self.manifest.zero_shot.values_that_count(figures, joining.zero_shot.mean)
        values |= {key: float(value) for key, value in zip(read, found, strict=True)}
        for key, value in values.items():
            self._remembered.remember(key, value)
        return values

    def _joined(self, score: ContentScore, zero_shot: float) -> ContentScore:
        if math.isnan(score.logit):
            return score
        joining = self.manifest.joining
        heard = not math.isnan(zero_shot)
        # The detector's own log-odds reach farther than those of both: with them the texts on which the companion is
        # not heard would lie farthest out, and they alone would set a threshold for one account in a thousand.
        logit = joining.log_odds(score.logit, zero_shot if heard else joining.zero_shot.mean)
        companion = joining.zero_shot.standardised(zero_shot) if heard else math.nan
        parts = PartScores(joining.detector.standardised(score.logit), companion)
        return replace(score, logit=logit, probability=sigmoid(logit), parts=parts)
