"""Computes true-positive rates at stated account-level false-positive rates, each with its n and interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moderation.lab.evaluation.risk.scores import BOTH_GATED
from moderation.lab.risk.collecting import CollectedPosts
from moderation.lab.simulation.ranges import UNSEEN
from moderation.risk.clopper_pearson import interval
from moderation.risk.umbrella import least_sample, umbrella_threshold

RATES = (1e-2, 1e-3, 1e-4)
STRENGTHS = ("weak", "medium", "strong", *UNSEEN)
DELTA = 0.05


@dataclass(frozen=True)
class Share:
    """k of n with the two-sided 95 % Clopper–Pearson interval; accounts are the units."""

    k: int
    n: int

    def as_json(self) -> dict[str, object]:
        """Return the entry of the result file."""
        if self.n == 0:
            return {"k": 0, "n": 0, "share": None, "interval": None}
        return {"k": self.k, "n": self.n, "share": self.k / self.n, "interval": list(interval(self.k, self.n))}

    def __str__(self) -> str:
        """Return the share in words, such as "31.2 % [28.0, 34.5] n=800"."""
        if self.n == 0:
            return "no accounts"
        low, high = interval(self.k, self.n)
        return f"{self.k / self.n:.1%} [{low:.1%}, {high:.1%}] n={self.n}"


@dataclass(frozen=True)
class Row:
    """One score at one stated rate."""

    score: str
    rate: float | None
    """Stated account-level false-positive rate; None: the threshold that the bundle ships."""
    threshold: float | None
    """None: there are too few genuine accounts for the rate."""
    calibration_accounts: int
    caught: Mapping[str, Share]
    """By strength; "all" is the three strengths of the training."""
    wrong: Share | None
    """Genuine accounts above the threshold on the evaluation platform, whose parameters differ from calibration's."""

    def as_json(self) -> dict[str, object]:
        """Return the entry of the result file."""
        supported = self.threshold is not None
        return {
            "score": self.score,
            "false_positive_rate": self.rate,
            "supported": supported,
            "calibration_accounts": self.calibration_accounts,
            "threshold": self.threshold if supported and np.isfinite(self.threshold or 0.0) else None,
            "true_positive_rate": {name: share.as_json() for name, share in self.caught.items()},
            "false_positives_on_held_out_parameters": None if self.wrong is None else self.wrong.as_json(),
        }


def rows_at_rates(
    calibration: Mapping[str, NDArray[np.float64]],
    calibration_people: NDArray[np.bool_],
    evaluation: Mapping[str, NDArray[np.float64]],
    accounts: CollectedPosts,
    names: Sequence[str],
) -> list[Row]:
    """Return a row per score of *names* and rate: threshold from genuine calibration accounts, figures from evaluation.

    *calibration* and *evaluation* map the name of a score to the maximum of every account; *calibration_people* is
    True for genuine accounts of calibration.
    """
    rows = []
    for name in names:
        people = calibration[name][calibration_people]
        for rate in RATES:
            threshold = umbrella_threshold(people, rate, DELTA)
            rows.append(row_at(name, rate, threshold, len(people), evaluation[name], accounts))
    return rows


def row_at_shipped(
    threshold: float, calibrated_on: int, evaluation: Mapping[str, NDArray[np.float64]], accounts: CollectedPosts
) -> Row:
    """Return the row of the shipped decision at the shipped threshold."""
    return row_at(BOTH_GATED, None, threshold, calibrated_on, evaluation[BOTH_GATED], accounts)


def row_at(
    name: str,
    rate: float | None,
    threshold: float | None,
    calibrated_on: int,
    scores: NDArray[np.float64],
    accounts: CollectedPosts,
) -> Row:
    """Return the row of *scores*, shape (accounts,): accounts strictly above *threshold* are flagged."""
    if threshold is None:
        return Row(name, rate, None, calibrated_on, {}, None)
    above = scores > threshold
    caught = {strength: _share(above, accounts.strength(strength)) for strength in STRENGTHS}
    trained = np.any([accounts.strength(strength) for strength in STRENGTHS if strength not in UNSEEN], axis=0)
    return Row(
        name,
        rate,
        threshold,
        calibrated_on,
        {"all": _share(above, trained), **caught},
        _share(above, accounts.genuine),
    )


@dataclass(frozen=True)
class FirstFlag:
    """When the flagged accounts of a campaign strength got their first flag."""

    accounts: int
    median_post: float
    """Number of the flagged post among those of the campaign on its account, from 1."""
    median_hours: float
    """Hours since the first of these."""


def first_flags(flagged: NDArray[np.bool_], accounts: CollectedPosts) -> dict[str, FirstFlag]:
    """Return by strength when accounts were first flagged: *flagged* (posts,). Strengths without one are absent."""
    order = np.lexsort((np.arange(len(flagged)), accounts.at_ms, accounts.account))
    order = order[accounts.counted[order]]
    owner, at_ms = accounts.account[order], accounts.at_ms[order]
    begins = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    start = np.repeat(begins, np.diff(np.r_[begins, len(owner)]))
    first = np.unique(np.where(flagged[order], owner, -1), return_index=True)
    rows = first[1][first[0] >= 0]
    found = {}
    for strength in STRENGTHS:
        own = rows[accounts.strength(strength)[owner[rows]]]
        if len(own):
            hours = (at_ms[own] - at_ms[start[own]]) / 3_600_000
            post = own - start[own] + 1
            found[strength] = FirstFlag(len(own), float(np.median(post)), float(np.median(hours)))
    return found


def least_accounts(rate: float) -> int:
    """Return the number of genuine accounts that calibration needs for *rate*."""
    return least_sample(rate, DELTA)


def _share(above: NDArray[np.bool_], of: NDArray[np.bool_]) -> Share:
    return Share(int((above & of).sum()), int(of.sum()))
