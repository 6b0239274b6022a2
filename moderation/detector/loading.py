"""Loads a detector from a bundle directory and verifies it on the probe texts."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from moderation.detector.manifest import EncoderParts, Manifest, Precision, read_manifest
from moderation.detector.ngrams import NgramRunner
from moderation.detector.onnx_detector import OnnxDetector
from moderation.detector.reading import EncoderReader, NgramReader, Reader, WeightedReader
from moderation.detector.sections import CharacterCutter, Cutter, SectionCutter
from moderation.detector.sessions import Runner, cpu_runner, cuda_runner
from moderation.detector.shipped import bundle_directory
from moderation.errors import BundleError

_ON_CUDA: tuple[Precision, ...] = ("fp16", "fp32")
_ON_CPU: tuple[Precision, ...] = ("int8", "fp32")
_MAX_TEXT_BYTES = 65536


def load_detector(
    bundle: Path | str | None = None,
    *,
    max_text_bytes: int = _MAX_TEXT_BYTES,
    threads: int | None = None,
    remembered_texts: int = 20_000,
    deadline_s: float | None = None,
    precision: Precision | None = None,
) -> OnnxDetector:
    """Return the detector in the directory *bundle* (default: the shipped one), on CUDA where a device is usable.

    Verifies the hash of every file and scores the probe texts of the manifest. *max_text_bytes* limits how much of a
    text is read, *threads* the CPU threads (default: all cores), *remembered_texts* the number of cached scores (at
    most 2 kB each), *deadline_s* the time of one call before it raises DetectorOverdue. *precision* selects one of the
    bundle's precisions, on the CPU. Raises BundleError.
    """
    directory = bundle_directory(bundle)
    if not directory.exists():
        raise BundleError(f"{directory} does not exist; name a directory that `moderation export` wrote.")
    manifest, manifest_hash = read_manifest(directory)
    cutter = cutter_of(directory, manifest, max_text_bytes)
    reader = _reader(directory, manifest, threads, deadline_s, precision)
    _check_tokenizer(directory, manifest, cutter)
    # Short probes also verify the polarity, so that the minimum length does not apply.
    never_abstaining = manifest.model_copy(update={"least_tokens": 1, "scripts": ()})
    _check_polarity(directory, manifest, OnnxDetector(never_abstaining, manifest_hash, cutter, reader, 0))
    return OnnxDetector(manifest, manifest_hash, cutter, reader, remembered_texts)


def cutter_of(directory: Path, manifest: Manifest, max_text_bytes: int = _MAX_TEXT_BYTES) -> Cutter:
    """Return the cutter for the bundle in *directory*, which splits texts into sections. Raises BundleError."""
    if manifest.encoder is not None:
        tokenizer, special, max_tokens = manifest.encoder
        return SectionCutter(_tokenizer(directory / tokenizer), special, max_tokens, max_text_bytes)
    assert manifest.ngrams is not None, "a manifest without encoder and n-grams is refused"  # nosec B101  # narrows a type; checked before
    return CharacterCutter(manifest.ngrams.max_characters, max_text_bytes)


def _reader(
    directory: Path, manifest: Manifest, threads: int | None, deadline_s: float | None, precision: Precision | None
) -> Reader:
    encoder, ngrams = manifest.encoder, manifest.ngrams
    parts: list[tuple[float, Reader]] = []
    if encoder is not None:
        runner, chosen = (
            _runner(directory, manifest, encoder, threads, deadline_s)
            if precision is None
            else (_on_cpu(directory, manifest, encoder, precision, threads, deadline_s), precision)
        )
        parts.append((1.0 if ngrams is None else ngrams.weight_encoder, EncoderReader(runner, chosen)))
    if ngrams is not None:
        runner = NgramRunner(directory / ngrams.file, ngrams.unit, threads, deadline_s)
        parts.append((ngrams.weight_ngrams, NgramReader(runner)))
    return WeightedReader(parts, 0.0 if ngrams is None else ngrams.offset)


def _tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise BundleError(
            f"{path} is not a tokenizer for this version of tokenizers ({error}); export the bundle again."
        ) from error


def _runner(
    directory: Path, manifest: Manifest, encoder: EncoderParts, threads: int | None, deadline_s: float | None
) -> tuple[Runner, Precision]:
    for precision in _ON_CUDA:
        if precision in manifest.precisions:
            file = directory / manifest.precisions[precision].file
            on_cuda = cuda_runner(file, encoder.special_tokens.pad, encoder.max_tokens + 2, deadline_s)
            if on_cuda is not None:
                return on_cuda, precision
    for precision in _ON_CPU:
        if precision in manifest.precisions:
            return _on_cpu(directory, manifest, encoder, precision, threads, deadline_s), precision
    raise BundleError(
        f"The bundle {directory} has no precision that runs here ({', '.join(manifest.precisions)} only): "
        "export it with int8 or fp32 for the CPU, or run it on a CUDA device."
    )


def _on_cpu(
    directory: Path,
    manifest: Manifest,
    encoder: EncoderParts,
    precision: Precision,
    threads: int | None,
    deadline_s: float | None,
) -> Runner:
    entry = manifest.precisions.get(precision)
    if entry is None:
        raise BundleError(f"The bundle {directory} has no {precision}, only {', '.join(manifest.precisions)}.")
    pad = encoder.special_tokens.pad
    independent = entry.batch_independent
    return cpu_runner(directory / entry.file, pad, threads, batch_independent=independent, deadline_s=deadline_s)


def _check_tokenizer(directory: Path, manifest: Manifest, cutter: Cutter) -> None:
    for probe in manifest.probes:
        if cutter.token_ids(probe.text) != probe.token_ids:
            raise BundleError(
                f"The tokenizer of {directory} gives other tokens of a probe text than at the export: the tokenizer, "
                "the tokenizers package or the normalisation has changed. Export the bundle again."
            )


def _check_polarity(directory: Path, manifest: Manifest, detector: OnnxDetector) -> None:
    scores = detector.score([probe.text for probe in manifest.probes])
    sides: dict[int, list[float]] = {0: [], 1: []}
    for probe, score in zip(manifest.probes, scores, strict=True):
        sides[probe.label].append(score.logit)
    if not sides[0] or not sides[1]:
        raise BundleError(f"The bundle {directory} lacks probe texts of a label: export it again with both.")
    # `not >` also refuses NaN.
    if not min(sides[1]) > max(sides[0]):
        raise BundleError(
            f"The probes contradict the polarity of {directory}: a human text scores above a machine text. "
            "Export it again with the correct --machine-label."
        )
