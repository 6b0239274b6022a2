"""Saves the scores of finished fits, so that an interrupted comparison continues."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from moderation.lab.detector.leave_out.candidates import Candidate
from moderation.lab.detector.leave_out.folds import Fold
from moderation.lab.textdata.slices import sample_per_stratum

# Training texts of each source and label from which the scale of the scores is estimated.
_SCALE_TEXTS_PER_STRATUM = 20


@dataclass(frozen=True)
class FoldScores:
    """The scores of one candidate in one fold."""

    test: NDArray[np.float64]  # (test rows,)
    training_mean: float
    training_sd: float
    """Mean and standard deviation of its scores on training texts."""

    def standardised(self) -> NDArray[np.float64]:
        """Return the test scores in standard deviations of the training scores, so that candidates can be averaged."""
        return (self.test - self.training_mean) / (self.training_sd or 1.0)


def scores_of(fold: Fold, name: str, candidate: Candidate, work: Path) -> FoldScores:
    """Return the scores of the candidate in the fold: those saved in *work* if rows and candidate are the same."""
    # The fitted state depends on the training rows, the scores also on the test rows.
    trained = _key(candidate.training, fold.train_digest)
    key = _key(candidate.description, fold.train_digest, fold.test_digest)
    folder = work / fold.name
    kept = folder / f"{name}.npz"
    if (found := _read(kept, key)) is not None:
        return found
    scorer = candidate.fit(fold.train, folder / f"{name}-{trained[:12]}")
    scale = scorer([row.text for row in sample_per_stratum(fold.train, _SCALE_TEXTS_PER_STRATUM, "scale")])
    scores = FoldScores(scorer([row.text for row in fold.test]), float(scale.mean()), float(scale.std()))
    _write(kept, key, scores)
    return scores


def _read(path: Path, key: str) -> FoldScores | None:
    """Return the scores in *path*; None where they are absent, incomplete, or of other rows or candidates."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["key"]) != key:
                return None
            return FoldScores(kept["test"], float(kept["mean"]), float(kept["sd"]))
    except (OSError, ValueError, KeyError, BadZipFile):
        return None


def _write(path: Path, key: str, scores: FoldScores) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        np.savez(file, key=key, test=scores.test, mean=scores.training_mean, sd=scores.training_sd)
    fresh.replace(path)


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
