"""Sets the parts of a manifest that depend on held-out texts: pooling, minimum length, scripts and calibration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export.calibrate import calibrate
from export.labelled_texts import LabelledText
from export.length_curve import least_tokens, length_curve
from export.manifest_file import write_manifest
from export.pooling_choice import choose_pooling
from moderation.detector import Detector, load_detector
from moderation.detector.loading import cutter_of
from moderation.detector.manifest import Calibration, Manifest, Precision
from moderation.text import normalise
from moderation.text.scripts import letters_by_script

_PREFERRED_PRECISIONS: tuple[Precision, ...] = ("int8", "fp32", "fp16")
_PROVIDER = "CPUExecutionProvider"
_ENOUGH_TEXTS = 50
# A section of n-grams has no fixed number of words and signs; this is their mean length in characters.
_CHARACTERS_OF_A_TOKEN = 4.5


def write_decided(stage: Path, manifest: Manifest, texts: Sequence[LabelledText], texts_description: str) -> Manifest:
    """Set pooling, minimum length, scripts and calibration on *texts*; write and return the manifest.

    Pooling and then the minimum length are chosen at the precision that a sidecar uses on the CPU. Every precision is
    calibrated on its own scores, without texts on which the bundle abstains. The staged bundle computes all scores on
    the CPU, as in the sidecar.
    """
    cutter = cutter_of(stage, manifest)
    precision = next((kind for kind in _PREFERRED_PRECISIONS if kind in manifest.precisions), None)
    pooling = choose_pooling(load_detector(stage, precision=precision), cutter, texts, _section_tokens(manifest))
    manifest = manifest.model_copy(update={"pooling": pooling})
    write_manifest(stage, manifest)
    curve = length_curve(load_detector(stage, precision=precision), cutter, texts)
    manifest = manifest.model_copy(update={"length_curve": curve, "least_tokens": least_tokens(curve)})
    if scripts := scripts_of(texts):
        manifest = manifest.model_copy(update={"scripts": scripts})
    write_manifest(stage, manifest)
    manifest = _calibrated(stage, manifest, texts, texts_description)
    write_manifest(stage, manifest)
    return manifest


def scripts_of(texts: Sequence[LabelledText]) -> tuple[str, ...]:
    """Return, sorted, the scripts that at least 50 human *texts* are mostly written in.

    Only human texts count, because a detector gives high scores to a script without human texts. An empty result means
    that texts in every script are scored.
    """
    counts: Counter[str] = Counter()
    for entry in texts:
        letters = letters_by_script(normalise(entry.text)) if entry.label == 0 else Counter[str]()
        counts.update(name for name, count in letters.items() if 0 < letters.total() <= 2 * count)
    return tuple(sorted(name for name, count in counts.items() if count >= _ENOUGH_TEXTS))


def _section_tokens(manifest: Manifest) -> int:
    if manifest.encoder is not None:
        return manifest.encoder.max_tokens
    assert manifest.ngrams is not None, "a manifest without encoder and n-grams is refused"  # nosec B101  # narrows a type; checked before
    return int(manifest.ngrams.max_characters / _CHARACTERS_OF_A_TOKEN)


def _calibrated(stage: Path, manifest: Manifest, texts: Sequence[LabelledText], texts_description: str) -> Manifest:
    if not manifest.precisions:
        assert manifest.ngrams is not None, "a manifest without encoder and n-grams is refused"  # nosec B101  # narrows a type; checked before
        update = {"calibration": _calibration(load_detector(stage), texts, texts_description)}
        return manifest.model_copy(update={"ngrams": manifest.ngrams.model_copy(update=update)})
    precisions = {
        kind: entry.model_copy(
            update={"calibration": _calibration(load_detector(stage, precision=kind), texts, texts_description)}
        )
        for kind, entry in manifest.precisions.items()
    }
    return manifest.model_copy(update={"precisions": precisions})


def _calibration(detector: Detector, texts: Sequence[LabelledText], texts_description: str) -> Calibration:
    scores = detector.score([entry.text for entry in texts])
    kept = [(score, entry) for score, entry in zip(scores, texts, strict=True) if score.abstained is None]
    return calibrate(
        np.array([score.logit for score, _ in kept]),
        np.array([entry.label for _, entry in kept], dtype=np.int64),
        np.array([score.n_tokens for score, _ in kept], dtype=np.int64),
        texts_description,
        [entry.language for _, entry in kept],
        _PROVIDER,
    )
