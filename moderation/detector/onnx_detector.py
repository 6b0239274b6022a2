"""The detector that runs an exported bundle with onnxruntime."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from moderation.detector.calibration import probability
from moderation.detector.manifest import EncoderParts, Manifest, Precision, read_manifest
from moderation.detector.ngrams import ngram_runner
from moderation.detector.reading import EncoderReader, NgramReader, Reader, WeightedReader
from moderation.detector.remembered import RememberedScores
from moderation.detector.scores import ContentScore, Detector, SectionScore
from moderation.detector.sections import CharacterCutter, Cutter, CutText, SectionCutter
from moderation.detector.sessions import Runner, cpu_runner, cuda_runner
from moderation.errors import BundleError

_ON_CUDA: tuple[Precision, ...] = ("fp16", "fp32")
_ON_CPU: tuple[Precision, ...] = ("int8", "fp32")
_ABSTAINED = ContentScore(math.nan, math.nan, (), 0, False)


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
        self._remembered = RememberedScores(remembered_texts)

    def score(self, texts: Sequence[str]) -> list[ContentScore]:
        """Return one score per text, in order; a text that occurs again, soon enough, is not computed again."""
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        distinct = dict(zip(keys, texts, strict=True))
        scores = {key: score for key in distinct if (score := self._remembered.of(key)) is not None}
        cuts = {key: self._cutter.cut(text) for key, text in distinct.items() if key not in scores}
        logits = self._reader.logits([section for cut in cuts.values() for section in cut.sections])
        begin = 0
        for key, cut in cuts.items():
            end = begin + len(cut.sections)
            scores[key] = self._joined(cut, logits[begin:end])
            self._remembered.remember(key, scores[key])
            begin = end
        return [scores[key] for key in keys]

    def describe(self) -> str:
        """Say in words which bundle runs, at which precision and where."""
        return f"{self.manifest.name} ({self.manifest_hash[:12]}) at {self._reader.where}"

    def _joined(self, cut: CutText, logits: NDArray[np.float32]) -> ContentScore:
        if not cut.sections:
            return _ABSTAINED
        tokens = np.array([len(section.ids) for section in cut.sections], dtype=np.float64)
        logit = float(np.float32(np.average(logits.astype(np.float64), weights=tokens)))
        return ContentScore(
            logit=logit,
            probability=probability(self.manifest.calibration, logit, cut.n_tokens),
            sections=tuple(
                SectionScore(section.start, section.end, float(value))
                for section, value in zip(cut.sections, logits, strict=True)
            ),
            n_tokens=cut.n_tokens,
            truncated=cut.truncated,
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
    deadline_s: float | None = None,
) -> Detector:
    """Return the detector of *bundle* (the shipped one by default), on CUDA where there is one that suits it.

    Every file's hash is verified, and the probes of the manifest must come out on their sides. *max_text_bytes*
    bounds what of a text is read, *threads* what of the CPU is used (every core by default), *remembered_texts* of how
    many texts the scores are kept, at most 2 kB each, *deadline_s* how long a call may compute before it raises
    DetectorOverdue. Raises BundleError.
    """
    directory = bundle or shipped_bundle()
    manifest, manifest_hash = read_manifest(directory)
    cutter = _cutter(directory, manifest, max_text_bytes)
    reader = _reader(directory, manifest, threads, deadline_s)
    detector = OnnxDetector(manifest, manifest_hash, cutter, reader, remembered_texts)
    _check_tokenizer(directory, manifest, cutter)
    _check_polarity(directory, manifest, detector)
    return detector


def _cutter(directory: Path, manifest: Manifest, max_text_bytes: int) -> Cutter:
    if manifest.encoder is not None:
        tokenizer, special, max_tokens = manifest.encoder
        return SectionCutter(_tokenizer(directory / tokenizer), special, max_tokens, max_text_bytes)
    assert manifest.ngrams is not None, "a manifest without encoder and n-grams is refused"
    return CharacterCutter(manifest.ngrams.max_characters, max_text_bytes)


def _reader(directory: Path, manifest: Manifest, threads: int | None, deadline_s: float | None) -> Reader:
    encoder, ngrams = manifest.encoder, manifest.ngrams
    parts: list[tuple[float, Reader]] = []
    if encoder is not None:
        runner, precision = _runner(directory, manifest, encoder, threads, deadline_s)
        parts.append((1.0 if ngrams is None else ngrams.weight_encoder, EncoderReader(runner, precision)))
    if ngrams is not None:
        parts.append((ngrams.weight_ngrams, NgramReader(ngram_runner(directory / ngrams.file, threads, deadline_s))))
    return WeightedReader(parts, 0.0 if ngrams is None else ngrams.offset)


def _tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise BundleError(f"{path} is no tokenizer that this version of tokenizers reads ({error}).") from error


def _runner(
    directory: Path, manifest: Manifest, encoder: EncoderParts, threads: int | None, deadline_s: float | None
) -> tuple[Runner, Precision]:
    pad = encoder.special_tokens.pad
    for precision in _ON_CUDA:
        if precision in manifest.precisions:
            on_cuda = cuda_runner(
                directory / manifest.precisions[precision].file, pad, encoder.max_tokens + 2, deadline_s
            )
            if on_cuda is not None:
                return on_cuda, precision
    for precision in _ON_CPU:
        if precision in manifest.precisions:
            entry = manifest.precisions[precision]
            runner = cpu_runner(
                directory / entry.file,
                pad,
                threads,
                batch_independent=entry.batch_independent,
                deadline_s=deadline_s,
            )
            return runner, precision
    raise BundleError(
        f"The bundle {directory} has no precision that runs here ({', '.join(manifest.precisions)} only): "
        "export it with int8 or fp32 for the CPU, or run it on a CUDA device."
    )


def _check_tokenizer(directory: Path, manifest: Manifest, cutter: Cutter) -> None:
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
