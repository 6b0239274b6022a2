"""The companion that runs an exported causal language model with onnxruntime."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from moderation.detector.companion.manifest import (
    CompanionManifest,
    CompanionPrecision,
    read_companion_manifest,
)
from moderation.detector.companion.reading import ReadText, TextReader
from moderation.detector.companion.repetition import repeated
from moderation.detector.companion.session import ExpectationRunner, joined
from moderation.detector.companion.statistics import (
    LEAST_VARIANCE,
    MISSING,
    TokenArrays,
    ZeroShotFeatures,
    features_of,
)
from moderation.detector.shipped import shipped_companion
from moderation.errors import BundleError

_MOST_TEXT_BYTES = 65536
_ON_CPU: tuple[CompanionPrecision, ...] = ("int8-dynamic", "int8", "fp32")


@dataclass(frozen=True)
class TokenExpectation:
    """One token: its character offsets in the normalised text, its log probability in nats, and its rank from 0.

    ``expected`` and ``variance`` are those of the log probability under the model's own distribution there.
    ``repeated`` says that it only says again what stood before, so that no figure of the text counts it.
    """

    start: int
    end: int
    log_probability: float
    expected: float
    variance: float
    rank: int
    repeated: bool

    @property
    def curvature(self) -> float:
        """Return by how many standard deviations the token was likelier than expected (Fast-DetectGPT of one token)."""
        return (self.log_probability - self.expected) / math.sqrt(max(self.variance, LEAST_VARIANCE))


@dataclass(frozen=True)
class CompanionScore:
    """What the companion says of one text: no token where too little can be read, and MISSING where too little is new.

    *truncated* says that only some windows of a very long text were read.
    """

    features: ZeroShotFeatures
    tokens: tuple[TokenExpectation, ...]
    truncated: bool


class Companion:
    """A verified bundle, ready to score. Safe to call from several threads."""

    def __init__(
        self,
        manifest: CompanionManifest,
        manifest_hash: str,
        reader: TextReader,
        runner: ExpectationRunner,
        precision: CompanionPrecision,
    ) -> None:
        self.manifest = manifest
        self.manifest_hash = manifest_hash
        self._reader = reader
        self._runner = runner
        self._precision = precision

    def score(
        self, texts: Sequence[str], deadline_s: float | None = None, spent_s: float = 0.0
    ) -> list[CompanionScore]:
        """Return one score per text, in order; the same text gets the same score alone or among any others.

        Raises DetectorOverdue when that takes longer than *deadline_s* seconds, of which *spent_s* have passed before.
        """
        started_s = time.monotonic()
        read = [self._reader.read(text) for text in texts]
        windows = [window.ids for text in read for window in text.windows]
        found = self._runner.expectations(windows, deadline_s, spent_s + time.monotonic() - started_s)
        scores = []
        begin = 0
        for text in read:
            end = begin + len(text.windows)
            scores.append(_score(text, found[begin:end]))
            begin = end
        return scores

    def characters_per_token(self, text: str) -> float:
        """Return the length of the text's tokens on average, NaN of one without any.

        Short ones say that the model has no words for it: of another language or alphabet, misspelled, in odd capitals.
        """
        return self._reader.characters_per_token(text)

    def describe(self) -> str:
        """Say in words which bundle runs, and at which precision."""
        return f"{self.manifest.name} ({self.manifest_hash[:12]}) at {self._precision} on the CPU, each window alone"


def load_companion(
    bundle: Path | None = None,
    threads: int | None = None,
    *,
    max_text_bytes: int = _MOST_TEXT_BYTES,
    precision: CompanionPrecision | None = None,
) -> Companion:
    """Return the companion of *bundle*, the shipped one by default, at *precision* or the fastest that it has.

    Every file's hash is verified, and the probes of the manifest must have the tokens and the mean log probability
    of the export. *threads* says how many windows run at a time (one per core by default), *max_text_bytes* bounds
    what of a text is read. Raises BundleError.
    """
    bundle = bundle or shipped_companion()
    manifest, manifest_hash = read_companion_manifest(bundle)
    path = bundle / manifest.tokenizer
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise BundleError(f"{path} is no tokenizer that this version of tokenizers reads ({error}).") from error
    # Probes are read whole, as at the export, however little of a post is.
    whole = TextReader(tokenizer, manifest.first_token.id, manifest.max_tokens, _MOST_TEXT_BYTES)
    for probe in manifest.probes:
        if whole.token_ids(probe.text) != probe.token_ids:
            raise BundleError(
                f"The tokenizer of {bundle} cuts a probe text into other tokens than at its export: the tokenizer, "
                "the tokenizers package or the normalisation has changed. Export the companion again."
            )
    precision = precision or next(kind for kind in _ON_CPU if kind in manifest.precisions)
    if precision not in manifest.precisions:
        raise BundleError(f"The companion {bundle} has no {precision}, only {', '.join(manifest.precisions)}.")
    entry = manifest.precisions[precision]
    runner = ExpectationRunner(bundle / entry.file, threads or _cores())
    found = probe_log_probabilities(runner, whole, [probe.text for probe in manifest.probes])
    if len(found) != len(entry.probe_log_probabilities) or not all(
        abs(now - then) <= manifest.probe_tolerance
        for now, then in zip(found, entry.probe_log_probabilities, strict=True)
    ):
        raise BundleError(
            f"{bundle / entry.file} gives a probe text another probability here than at its export: this version of "
            "onnxruntime computes it otherwise. Export the companion again with this version."
        )
    reader = TextReader(tokenizer, manifest.first_token.id, manifest.max_tokens, max_text_bytes, manifest.most_windows)
    return Companion(manifest, manifest_hash, reader, runner, precision)


def probe_log_probabilities(runner: ExpectationRunner, reader: TextReader, texts: Sequence[str]) -> list[float]:
    """Return the mean log probability of each text's first window; NaN for one that is too short."""
    first = [reader.read(text).windows[:1] for text in texts]
    found = iter(runner.expectations([window.ids for windows in first for window in windows]))
    return [float(next(found).log_probability.mean()) if windows else float("nan") for windows in first]


def _score(text: ReadText, parts: Sequence[TokenArrays]) -> CompanionScore:
    if not text.windows:
        return CompanionScore(MISSING, (), text.truncated)
    tokens = joined(parts)
    again = np.concatenate([repeated(window.ids[1:]) for window in text.windows])
    features = features_of(tokens.those(~again))
    if not np.isfinite([tokens.log_probability, tokens.expected, tokens.variance]).all():
        return CompanionScore(MISSING, (), text.truncated)
    offsets = [offset for window in text.windows for offset in window.offsets]
    return CompanionScore(
        features,
        tuple(
            TokenExpectation(start, end, *figures)
            for (start, end), *figures in zip(
                offsets,
                tokens.log_probability.tolist(),
                tokens.expected.tolist(),
                tokens.variance.tolist(),
                tokens.rank.tolist(),
                again.tolist(),
                strict=True,
            )
        ),
        text.truncated,
    )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
