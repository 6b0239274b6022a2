"""What labelled texts decide about a joined bundle: the model on the figures, both scales, and the calibration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from moderation.detector import Detector
from moderation.detector.joined.rule import BoundedSpread, HeldOutAurocs, JoiningRule, Spread, ZeroShotRule
from moderation.errors import InputError
from moderation.training.detector.figures import auroc
from moderation.training.detector.kept_features import KeptFeatures
from moderation.training.detector.partition import load_partition
from moderation.training.detector.rows import TextRow
from moderation.training.detector.slices import in_validation, sample_per_stratum
from moderation.training.detector.zero_shot_fit import (
    MOST_DEVIATIONS,
    ROWS_PER_STRATUM,
    alike,
    fit_zero_shot,
    heard_figures,
    least_characters_per_token,
)

_HELD_OUT_PER_STRATUM = 100
_ENOUGH_OF_A_SIDE = 50
_ENOUGH_OF_A_SOURCE = 20

Progress = Callable[[str, int, int], None]
"""Told (which texts the companion reads, how many are done, how many there are)."""


@dataclass(frozen=True)
class Texts:
    """Rows of part A: some that the detector may have been *trained_on*, and some *held_out* from it."""

    trained_on: tuple[TextRow, ...]
    held_out: tuple[TextRow, ...]


def read_texts(data: Path, data_manifest: Path | None = None) -> Texts:
    """Return the rows that a join is fitted on. Raises InputError when they are missing, or other data."""
    rows = load_partition(data, "A", data_manifest)
    return Texts(
        tuple(sample_per_stratum([row for row in rows if not in_validation(row)], ROWS_PER_STRATUM)),
        tuple(sample_per_stratum([row for row in rows if in_validation(row)], _HELD_OUT_PER_STRATUM)),
    )


def fit_joined(
    detector: Detector, features: KeptFeatures, texts: Texts, progress: Progress
) -> tuple[ZeroShotRule, JoiningRule]:
    """Return the rule for the companion's figures and the rule that joins it with *detector*.

    The first, and the spread of its values, come from texts that the detector may know: the companion knows none. The
    spread of the detector's logits and the calibration come from held-out texts, because a detector is surer of what
    it was trained on. Raises InputError for too few texts of a side, and for scores that say nothing.
    """
    least = least_characters_per_token(texts.trained_on, features)
    zero_shot, values = _fit_figures(features, texts.trained_on, least, progress)
    spread = _spread(values, zero_shot.fitted_on)
    figures = _figures(features, texts.held_out, least, "held-out texts", progress)
    found = zero_shot.values_that_count(figures, spread.mean)
    logits = np.array([score.logit for score in detector.score([row.text for row in texts.held_out])])
    heard = np.asarray(np.isfinite(found) & np.isfinite(logits), dtype=np.bool_)
    rows = [row for row, inside in zip(texts.held_out, heard, strict=True) if inside]
    _refuse_too_few(rows, "held-out texts of which both parts say something")
    words = f"texts held out from training in part A, at most {_HELD_OUT_PER_STRATUM} of {_counts(rows)}"
    sides = Counter(row.label for row in rows)
    plain = JoiningRule(
        detector=_spread(logits[heard], words),
        zero_shot=BoundedSpread(**spread.model_dump(), bound=MOST_DEVIATIONS),
        slope=1.0,
        intercept=0.0,
        least_characters_per_token=least,
        fitted_on=words,
        humans=sides[0],
        machines=sides[1],
    )
    both = zip(logits[heard].tolist(), found[heard].tolist(), strict=True)
    means = np.array([plain.mean(logit, value) for logit, value in both])
    slope, intercept = _platt(means, rows)
    held_out = _aurocs(rows, detector=logits[heard], companion=found[heard], joined=means)
    return zero_shot, plain.model_copy(update={"slope": slope, "intercept": intercept, "held_out": held_out})


def _aurocs(rows: Sequence[TextRow], **scores: NDArray[np.float64]) -> dict[str, HeldOutAurocs]:
    """Figures of each part by source, from 20 texts of each side on, and last their mean over these sources."""
    sources, labels = np.array([row.source for row in rows]), np.array([row.label for row in rows])
    found = {}
    for source in np.unique(sources).tolist():
        human, machine = ((sources == source) & (labels == label) for label in (0, 1))
        if min(human.sum(), machine.sum()) >= _ENOUGH_OF_A_SOURCE:
            found[source] = {part: auroc(values[human], values[machine]) for part, values in scores.items()}
    if found:
        found["mean"] = {part: float(np.mean([figures[part] for figures in found.values()])) for part in scores}
    return {source: HeldOutAurocs(**figures) for source, figures in found.items()}


def _fit_figures(
    features: KeptFeatures, rows: Sequence[TextRow], least_characters: float, progress: Progress
) -> tuple[ZeroShotRule, NDArray[np.float64]]:
    figures = _figures(features, rows, least_characters, "texts of known sources", progress)
    seen = np.asarray(np.isfinite(figures).all(axis=1), dtype=np.bool_)
    used = [row for row, inside in zip(rows, seen, strict=True) if inside]
    _refuse_too_few(used, "texts of which the companion says something")
    words = f"texts of part A outside the held-out slice, at most {ROWS_PER_STRATUM} of {_counts(used)}"
    zero_shot = fit_zero_shot(used, figures[seen], words)
    return zero_shot, zero_shot.values(figures[seen])


def _figures(
    features: KeptFeatures, rows: Sequence[TextRow], least_characters: float, what: str, progress: Progress
) -> NDArray[np.float64]:
    done = 0

    def advance(texts: int) -> None:
        nonlocal done
        done += texts
        progress(what, done, len(rows))

    return heard_figures([row.text for row in rows], features, least_characters, advance)


def _refuse_too_few(rows: Sequence[TextRow], what: str) -> None:
    sides = Counter(row.label for row in rows)
    if min(sides[0], sides[1]) < _ENOUGH_OF_A_SIDE:
        raise InputError(
            f"There are {sides[0]} human and {sides[1]} machine {what}; joining needs {_ENOUGH_OF_A_SIDE} of each: "
            "use more data, or longer texts."
        )


def _counts(rows: Sequence[TextRow]) -> str:
    """Every source with its texts of people and of machines."""
    strata = Counter((row.source, row.label) for row in rows)
    sources = sorted({source for source, _ in strata})
    told = ", ".join(f"{source} {strata[source, 0]} + {strata[source, 1]}" for source in sources)
    return f"each source and label, human + machine: {told}"


def _spread(scores: NDArray[np.float64], measured_on: str) -> Spread:
    sd = float(scores.std())
    if sd == 0:
        raise InputError("A part gives every text the same score, so there is nothing to join.")
    return Spread(mean=float(scores.mean()), sd=sd, measured_on=measured_on)


def _platt(means: NDArray[np.float64], rows: Sequence[TextRow]) -> tuple[float, float]:
    """Slope and intercept over all lengths: each known source has its length, so a band of lengths would know them."""
    labels = np.array([row.label for row in rows], dtype=np.int64)
    model = LogisticRegression(C=1e6).fit(means[:, None], labels, sample_weight=alike(rows))
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope <= 0:
        raise InputError(
            "The joined scores put held-out human texts above machine texts; use other parts or other data."
        )
    return slope, intercept
