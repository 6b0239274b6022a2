"""The detector: runs an exported bundle with onnxruntime."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from moderation.detector.calibration import probability
from moderation.detector.manifest import Manifest
from moderation.detector.pooling import pooled
from moderation.detector.reading import Reader
from moderation.detector.remembered import ScoreCache, content_key
from moderation.detector.scores import ContentScore, RawScore, SectionScore
from moderation.detector.sections import Cutter, CutText
from moderation.text.scripts import letters_by_script


class OnnxDetector:
    """A verified bundle, ready to score. Safe to call from several threads."""

    def __init__(
        self,
        manifest: Manifest,
        manifest_hash: str,
        cutter: Cutter,
        reader: Reader,
        remembered_texts: int,
    ) -> None:
        self.manifest = manifest
        self.manifest_hash = manifest_hash
        self._cutter = cutter
        self._reader = reader
        self._calibration = manifest.calibration_at(reader.precision)
        self._cache = ScoreCache(remembered_texts)
        self.on_stage: Callable[[Literal["tokenize", "inference"], float], None] = lambda _stage, _seconds: None
        """Called with the seconds of each stage of a call."""

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        """Return one score per text, in order; scores of recent texts are cached."""
        started_s = time.monotonic()
        keys = [content_key(text) for text in texts]
        distinct = dict(zip(keys, texts, strict=True))
        raw = {key: score for key in distinct if (score := self._cache.get(key)) is not None}
        cuts = {key: self._cutter.cut(text) for key, text in distinct.items() if key not in raw}
        other_script = {key for key, cut in cuts.items() if self._in_other_script(cut)}
        cuts = {key: self._unless_abstaining(cut, key in other_script) for key, cut in cuts.items()}
        sections = [section for cut in cuts.values() for section in cut.sections]
        tokenized_s = time.monotonic()
        logits = self._reader.logits(sections, tokenized_s - started_s)
        self.on_stage("tokenize", tokenized_s - started_s)
        self.on_stage("inference", time.monotonic() - tokenized_s)
        begin = 0
        for key, cut in cuts.items():
            end = begin + len(cut.sections)
            raw[key] = replace(self._joined(cut, logits[begin:end]), other_script=key in other_script)
            self._cache.put(key, raw[key])
            begin = end
        declared = languages if languages is not None else [None] * len(keys)
        return [self._calibrated(raw[key], language) for key, language in zip(keys, declared, strict=True)]

    def describe(self) -> str:
        """Return one line on the bundle, its precision, its provider and the limits of its scores."""
        description = f"{self.manifest.name} ({self.manifest_hash[:12]}) at {self._reader.where}"
        if self.manifest.least_tokens > 1:
            description += f", abstains below {self.manifest.least_tokens} tokens"
        if self.manifest.scripts:
            description += f", scores {' and '.join(name.capitalize() for name in self.manifest.scripts)} letters only"
        fitted_with = self._calibration.provider
        if fitted_with is not None and fitted_with != self._reader.provider:
            description += f", calibrated on scores of {fitted_with}"
        return description

    def _in_other_script(self, cut: CutText) -> bool:
        """Return whether most letters are in scripts that the bundle does not score; False without letters."""
        if not self.manifest.scripts:
            return False
        letters = letters_by_script(cut.text)
        return 2 * sum(letters[name] for name in self.manifest.scripts) < letters.total()

    def _unless_abstaining(self, cut: CutText, other_script: bool) -> CutText:
        return replace(cut, sections=()) if other_script or cut.n_tokens < self.manifest.least_tokens else cut

    def _joined(self, cut: CutText, logits: NDArray[np.float32]) -> RawScore:
        tokens = np.array([len(section.ids) for section in cut.sections], dtype=np.float64)
        return RawScore(
            logit=pooled(self.manifest.pooling.rule, logits, tokens) if cut.sections else math.nan,
            sections=tuple(
                SectionScore(section.start, section.end, float(value))
                for section, value in zip(cut.sections, logits, strict=True)
            ),
            n_tokens=cut.n_tokens,
            truncated=cut.truncated,
            tampering=cut.tampering,
        )

    def _calibrated(self, raw: RawScore, language: str | None) -> ContentScore:
        known = not math.isnan(raw.logit)
        return ContentScore(
            logit=raw.logit,
            probability=probability(self._calibration, raw.logit, raw.n_tokens, language) if known else math.nan,
            sections=raw.sections,
            n_tokens=raw.n_tokens,
            truncated=raw.truncated,
            tampering=raw.tampering,
            other_script=raw.other_script,
        )
