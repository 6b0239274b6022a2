"""How a companion's figures become one number, and how that and the detector's logit become log-odds."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from moderation.detector.companion.statistics import FEATURES

WEIGHED = tuple(name for name in FEATURES if name not in ("curvature", "n_tokens"))
"""The figures that the rule weighs: those that do not grow with a text's length."""
_COLUMNS = [FEATURES.index(name) for name in WEIGHED]
_TOKENS = FEATURES.index("n_tokens")
_EXPECTEDNESS = WEIGHED.index("mean_log_probability")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class ZeroShotRule(_Part):
    """A logistic regression on a companion's standardised figures and on their squares.

    *figures* names them in order; *means* and *scales* have one number for each, *coefficients* one for each and then
    one for the square of each: some generators write less expectedly than people (decision 0603). The fewer tokens a
    figure is from, the farther chance spreads it: its scale in a text of n tokens is scale · √(1 + noise_tokens / n).
    All were fitted by scikit-learn on *fitted_on*; nothing of it is needed here.
    """

    figures: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    noise_tokens: float = Field(ge=0)
    coefficients: tuple[float, ...]
    intercept: float
    fitted_on: str

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.figures != WEIGHED:
            raise ValueError(f"the figures are not those that this program weighs ({', '.join(WEIGHED)})")
        if len(self.means) != len(WEIGHED) or len(self.scales) != len(WEIGHED) or min(self.scales) <= 0:
            raise ValueError("every figure needs a mean and a scale above 0")
        if len(self.coefficients) != 2 * len(WEIGHED):
            raise ValueError("the coefficients are not as many as figures and squares")
        return self

    def values(self, figures: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return decision values of shape (texts,) for figures of shape (texts, FEATURES), NaN where one is missing.

        Each text is summed by itself: a product of matrices may round a row otherwise among other rows.
        """
        return np.array([self._value(row) for row in figures], dtype=np.float64)

    def values_that_count(self, figures: NDArray[np.float64], neutral: float) -> NDArray[np.float64]:
        """Return `values`, but at most *neutral* of a text that is less expected than those it was fitted on.

        Some machines write unexpectedly, and the squares find them; so do people who misspell, shout, mock or write
        another language, and an unexpected word speaks against nobody (decision 0615).
        """
        values = self.values(figures)
        unexpected = weighed_of(figures)[:, _EXPECTEDNESS] < self.means[_EXPECTEDNESS]
        return np.where(unexpected, np.minimum(values, neutral), values)

    def _value(self, figures: NDArray[np.float64]) -> float:
        terms = terms_of(figures[None, :], self.means, self.scales, self.noise_tokens)[0]
        return math.fsum(terms * np.array(self.coefficients)) + self.intercept


def weighed_of(figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return those of *figures*, shape (texts, FEATURES), that a rule weighs, shape (texts, WEIGHED)."""
    return figures[:, _COLUMNS]


def terms_of(
    figures: NDArray[np.float64], means: ArrayLike, scales: ArrayLike, noise_tokens: float
) -> NDArray[np.float64]:
    """Return what a rule weighs, shape (texts, 2 · WEIGHED), of *figures*, shape (texts, FEATURES)."""
    chance = np.sqrt(1 + noise_tokens / np.maximum(figures[:, _TOKENS:], 1))
    standardised = (weighed_of(figures) - np.asarray(means)) / (np.asarray(scales) * chance)
    return np.hstack([standardised, standardised**2])


class Spread(_Part):
    """Mean and standard deviation of one part's scores over the texts that *measured_on* names."""

    mean: float
    sd: float = Field(gt=0)
    measured_on: str

    def standardised(self, score: float) -> float:
        """Return the score in standard deviations from the mean."""
        return (score - self.mean) / self.sd


class BoundedSpread(Spread):
    """The spread of values that say no more beyond *bound* standard deviations, on either side.

    So however expected a text is, it never outweighs everything that the other part can say.
    """

    bound: float = Field(gt=0)

    def standardised(self, score: float) -> float:
        """Return the value in standard deviations from the mean, at most the bound."""
        return max(-self.bound, min(self.bound, super().standardised(score)))


class HeldOutAurocs(_Part):
    """The AUROC of each part and of both on the held-out texts of one source, or its mean over sources."""

    detector: float
    companion: float
    joined: float


class JoiningRule(_Part):
    """Platt scaling (Platt 1999) of the mean of both scores, each in standard deviations.

    Both weigh alike, because no text of a known source may choose weights: those texts favour the part that was
    trained on their sources. *humans* and *machines* are the texts that *fitted_on* names, and *held_out* has what the
    parts are worth on them, by source: a monotone calibration moves no AUROC. The companion is not heard on a text
    whose tokens have fewer than *least_characters_per_token* characters on average (decision 0615).
    """

    detector: Spread
    zero_shot: BoundedSpread
    slope: float = Field(gt=0)
    intercept: float
    least_characters_per_token: float = Field(ge=0)
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
