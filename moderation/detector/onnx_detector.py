"""The detector that runs an exported bundle with onnxruntime."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from moderation.detector.calibration import probability
from moderation.detector.manifest import Manifest, Precision, read_manifest
from moderation.detector.pooling import pooled
from moderation.detector.remembered import RememberedScores
from moderation.detector.scores import ContentScore, Detector, RawScore, SectionScore
from moderation.detector.sections import CutText, SectionCutter
from moderation.detector.sessions import Runner, cpu_runner, cuda_runner
from moderation.errors import BundleError

_ON_CUDA: tuple[Precision, ...] = ("fp16", "fp32")
_ON_CPU: tuple[Precision, ...] = ("int8", "fp32")


class OnnxDetector:
    """A verified bundle, ready to score. Safe to call from several threads."""

    def __init__(
        self,
        manifest: Manifest,
        manifest_hash: str,
        cutter: SectionCutter,
        runner: Runner,
        precision: Precision,
        remembered_texts: int,
    ) -> None:
        self.manifest = manifest
        self.manifest_hash = manifest_hash
        self._cutter = cutter
        self._runner = runner
        self._precision = precision
        self._calibration = manifest.precisions[precision].calibration
        self._remembered = RememberedScores(remembered_texts)

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        """Return one score per text, in order; a text that occurs again, soon enough, is not computed again."""
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        distinct = dict(zip(keys, texts, strict=True))
        raw = {key: score for key in distinct if (score := self._remembered.of(key)) is not None}
        cuts = {key: self._long_enough(self._cutter.cut(text)) for key, text in distinct.items() if key not in raw}
        logits = self._runner.logits([section.ids for cut in cuts.values() for section in cut.sections])
        begin = 0
        for key, cut in cuts.items():
            end = begin + len(cut.sections)
            raw[key] = self._joined(cut, logits[begin:end])
            self._remembered.remember(key, raw[key])
            begin = end
        declared = languages if languages is not None else [None] * len(keys)
        return [self._calibrated(raw[key], language) for key, language in zip(keys, declared, strict=True)]

    def describe(self) -> str:
        """Say in words which bundle runs, at which precision and where, and what that means for its scores."""
        said = f"{self.manifest.name} ({self.manifest_hash[:12]}) at {self._precision} on {self._runner.where}"
        if self.manifest.least_tokens > 1:
            said += f", abstains below {self.manifest.least_tokens} tokens"
        fitted_with = self._calibration.provider
        if fitted_with is not None and fitted_with != self._runner.provider:
            said += f", calibrated on scores of {fitted_with}"
        return said

    def _long_enough(self, cut: CutText) -> CutText:
        return cut if cut.n_tokens >= self.manifest.least_tokens else replace(cut, sections=())

    def _joined(self, cut: CutText, logits: NDArray[np.float32]) -> RawScore:
        if not cut.sections:
            return RawScore(math.nan, (), cut.n_tokens, cut.truncated)
        tokens = np.array([len(section.ids) for section in cut.sections], dtype=np.float64)
        return RawScore(
            logit=pooled(self.manifest.pooling.rule, logits, tokens),
            sections=tuple(
                SectionScore(section.start, section.end, float(value))
                for section, value in zip(cut.sections, logits, strict=True)
            ),
            n_tokens=cut.n_tokens,
            truncated=cut.truncated,
        )

    def _calibrated(self, raw: RawScore, language: str | None) -> ContentScore:
        known = not math.isnan(raw.logit)
        return ContentScore(
            logit=raw.logit,
            probability=probability(self._calibration, raw.logit, raw.n_tokens, language) if known else math.nan,
            sections=raw.sections,
            n_tokens=raw.n_tokens,
            truncated=raw.truncated,
        )


def shipped_bundle() -> Path:
    """Return the directory of the bundle that comes with the package."""
    return Path(str(resources.files("moderation"))) / "bundles" / "detector-minilm"


def load_detector(
    bundle: Path | None = None,
    *,
    max_text_bytes: int = 65536,
    threads: int | None = None,
    remembered_texts: int = 20_000,
    precision: Precision | None = None,
) -> Detector:
    """Return the detector of *bundle* (the shipped one by default), on CUDA where there is one that suits it.

    Every file's hash is verified, and the probes of the manifest must come out on their sides. *max_text_bytes*
    bounds what of a text is read, *threads* what of the CPU is used (every core by default), *remembered_texts* of how
    many texts the scores are kept, at most 2 kB each. *precision* names the one to run, on the CPU, in place of the one
    that suits this machine best. Raises BundleError.
    """
    directory = bundle or shipped_bundle()
    manifest, manifest_hash = read_manifest(directory)
    tokenizer = _tokenizer(directory / manifest.tokenizer)
    cutter = SectionCutter(tokenizer, manifest.special_tokens, manifest.max_tokens, max_text_bytes)
    runner, chosen = (
        _runner(directory, manifest, threads)
        if precision is None
        else (_on_cpu(directory, manifest, precision, threads), precision)
    )
    _check_tokenizer(directory, manifest, cutter)
    # A probe proves the polarity however short it is.
    never_abstaining = manifest.model_copy(update={"least_tokens": 1})
    _check_polarity(
        directory, manifest, OnnxDetector(never_abstaining, manifest_hash, cutter, runner, chosen, remembered_texts=0)
    )
    return OnnxDetector(manifest, manifest_hash, cutter, runner, chosen, remembered_texts)


def _tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise BundleError(f"{path} is no tokenizer that this version of tokenizers reads ({error}).") from error


def _runner(directory: Path, manifest: Manifest, threads: int | None) -> tuple[Runner, Precision]:
    pad = manifest.special_tokens.pad
    for precision in _ON_CUDA:
        if precision in manifest.precisions:
            on_cuda = cuda_runner(directory / manifest.precisions[precision].file, pad)
            if on_cuda is not None:
                return on_cuda, precision
    for precision in _ON_CPU:
        if precision in manifest.precisions:
            return _on_cpu(directory, manifest, precision, threads), precision
    raise BundleError(
        f"The bundle {directory} has no precision that runs here ({', '.join(manifest.precisions)} only): "
        "export it with int8 or fp32 for the CPU, or run it on a CUDA device."
    )


def _on_cpu(directory: Path, manifest: Manifest, precision: Precision, threads: int | None) -> Runner:
    entry = manifest.precisions.get(precision)
    if entry is None:
        raise BundleError(f"The bundle {directory} has no {precision}, only {', '.join(manifest.precisions)}.")
    pad = manifest.special_tokens.pad
    return cpu_runner(directory / entry.file, pad, threads, batch_independent=entry.batch_independent)


def _check_tokenizer(directory: Path, manifest: Manifest, cutter: SectionCutter) -> None:
    for probe in manifest.probes:
        if cutter.token_ids(probe.text) != probe.token_ids:
            raise BundleError(
                f"The tokenizer of {directory} cuts a probe text into other tokens than at its export: the "
                "tokenizer, the tokenizers package or the normalisation has changed. Export the bundle again."
            )


def _check_polarity(directory: Path, manifest: Manifest, detector: OnnxDetector) -> None:
    scores = detector.score([probe.text for probe in manifest.probes])
    sides: dict[int, list[float]] = {0: [], 1: []}
    for probe, score in zip(manifest.probes, scores, strict=True):
        sides[probe.label].append(score.logit)
    if not sides[0] or not sides[1]:
        raise BundleError(f"The bundle {directory} has no probe text of each side, so its polarity is unproved.")
    # Written so that a NaN is refused too.
    if not min(sides[1]) > max(sides[0]):
        raise BundleError(
            f"The probes contradict the polarity of {directory}: a human text scores above a machine text. "
            "Export it again with the right --machine-label."
        )
