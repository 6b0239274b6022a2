"""Compares the scores of a finished bundle with those of the same bundle at fp32."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.balanced_auroc import balanced_auroc
from export.labelled_texts import LabelledText
from export.manifest_file import write_manifest
from moderation.detector import load_detector
from moderation.detector.manifest import Manifest, Parity, Precision


def with_shipped_parity(stage: Path, manifest: Manifest, fp32: Path, texts: Sequence[LabelledText]) -> Manifest:
    """Return *manifest* with the difference of each precision from fp32 in the logits of *texts*.

    The logits include n-grams and pooling. *fp32* is the graph that the precisions of the bundle in *stage* were made
    from.
    """
    exact = _logits_at_fp32(stage, manifest, fp32, texts)
    precisions = {
        kind: entry.model_copy(update={"shipped_parity": parity_of_logits(_logits(stage, kind, texts), exact, texts)})
        for kind, entry in manifest.precisions.items()
    }
    return manifest.model_copy(update={"precisions": precisions})


def _logits_at_fp32(stage: Path, manifest: Manifest, fp32: Path, texts: Sequence[LabelledText]) -> NDArray[np.float64]:
    if "fp32" in manifest.precisions:
        return _logits(stage, "fp32", texts)
    with tempfile.TemporaryDirectory(dir=stage.parent) as folder:
        other = Path(folder) / "fp32"
        shutil.copytree(stage, other)
        graph = other / "model.fp32.onnx"
        shutil.copyfile(fp32, graph)
        like = next(iter(manifest.precisions.values()))
        entry = like.model_copy(update={"file": graph.name, "batch_independent": True})
        write_manifest(other, manifest.model_copy(update={"precisions": {"fp32": entry}}))
        return _logits(other, "fp32", texts)


def _logits(bundle: Path, precision: Precision, texts: Sequence[LabelledText]) -> NDArray[np.float64]:
    """Return the logits, shape (texts,); NaN where the bundle abstains, which does not depend on the precision."""
    scores = load_detector(bundle, precision=precision).score([entry.text for entry in texts])
    return np.array([np.nan if score.abstained else score.logit for score in scores])


def parity_of_logits(
    found: NDArray[np.float64], exact: NDArray[np.float64], texts: Sequence[LabelledText]
) -> Parity | None:
    """Return the differences of *found* from *exact*, both of shape (texts,); None where all of *exact* are NaN."""
    scored = ~np.isnan(exact)
    if not scored.any():
        return None
    difference = np.abs(found - exact)[scored]
    kept = [entry for entry, counts in zip(texts, scored, strict=True) if counts]
    return Parity(
        texts=len(kept),
        largest_logit_difference=float(difference.max()),
        mean_logit_difference=float(difference.mean()),
        auroc=balanced_auroc(found[scored], kept),
        auroc_of_fp32=balanced_auroc(exact[scored], kept),
    )
