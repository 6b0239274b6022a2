"""How a companion's figures become one number, and how that and the detector's logit become log-odds."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from moderation.detector.companion.statistics import FEATURES


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class ZeroShotRule(_Part):
    """A logistic regression on a companion's standardised figures, and on their squares where *squares* says so.

    *figures* names them in order; *means* and *scales* have one number for each, *coefficients* one for each and then,
    with squares, one for the square of each. All were fitted by scikit-learn on *fitted_on*; nothing of it is needed
    here.
    """

    figures: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    squares: bool
    coefficients: tuple[float, ...]
    intercept: float
    fitted_on: str

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.figures != FEATURES:
            raise ValueError(f"the figures are not those that this program computes ({', '.join(FEATURES)})")
        if len(self.means) != len(FEATURES) or len(self.scales) != len(FEATURES) or min(self.scales) <= 0:
            raise ValueError("every figure needs a mean and a scale above 0")
        if len(self.coefficients) != len(FEATURES) * (2 if self.squares else 1):
            raise ValueError("the coefficients are not as many as figures and squares")
        return self

    def values(self, figures: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return decision values of shape (texts,) for figures of shape (texts, FEATURES), NaN where one is missing.

        Each text is summed by itself: a product of matrices may round a row otherwise among other rows.
        """
        return np.array([self._value(row) for row in figures], dtype=np.float64)

    def _value(self, figures: NDArray[np.float64]) -> float:
        standardised = (figures - np.array(self.means)) / np.array(self.scales)
        terms = np.concatenate([standardised, standardised**2]) if self.squares else standardised
        return math.fsum(terms * np.array(self.coefficients)) + self.intercept


class Spread(_Part):
    """Mean and standard deviation of one part's scores over the texts that *measured_on* names."""

    mean: float
    sd: float = Field(gt=0)
    measured_on: str

    def standardised(self, score: float) -> float:
        """Return the score in standard deviations from the mean."""
        return (score - self.mean) / self.sd


class BoundedSpread(Spread):
    """The spread of values that may lie far outside those that were measured, from *lowest* to *highest*.

    Beyond these a value counts with the logarithm of its distance. Order stays, and no two values become one; but the
    squares of a text that says one thing a thousand times do not outweigh everything that the other part can say.
    """

    lowest: float
    highest: float

    def standardised(self, score: float) -> float:
        """Return the value in standard deviations from the mean, after the logarithm."""
        if score > self.highest:
            score = self.highest + math.log1p(score - self.highest)
        elif score < self.lowest:
            score = self.lowest - math.log1p(self.lowest - score)
        return super().standardised(score)


class HeldOutAurocs(_Part):
    """The AUROC of each part and of both on the held-out texts of one source, or its mean over sources."""

    detector: float
    companion: float
    joined: float


class JoiningRule(_Part):
    """Platt scaling (Platt 1999) of the mean of both scores, each in standard deviations.

    Both weigh alike, because no text of a known source may choose weights: those texts favour the part that was
    trained on their sources. *humans* and *machines* are the texts that *fitted_on* names, and *held_out* has what the
    parts are worth on them, by source: a monotone calibration moves no AUROC.
    """

    detector: Spread
    zero_shot: BoundedSpread
    slope: float = Field(gt=0)
    intercept: float
    fitted_on: str
    humans: int
    machines: int
    held_out: dict[str, HeldOutAurocs] = Field(default_factory=dict)

    def mean(self, detector: float, zero_shot: float) -> float:
        """Return the mean of the detector's raw logit and the zero-shot value, each in standard deviations."""
        return (self.detector.standardised(detector) + self.zero_shot.standardised(zero_shot)) / 2

    def log_odds(self, detector: float, zero_shot: float) -> float:
        """Return the calibrated log-odds that a text with these scores is machine-written."""
        return self.slope * self.mean(detector, zero_shot) + self.intercept
