"""Computes true and false positives per account, with their sample sizes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from moderation.demo.observed import AccountPeaks
from moderation.lab.simulation import Truth
from moderation.risk.clopper_pearson import lower_bound, upper_bound

ASIDE_RATE = 0.01
"""Share of the accounts set aside above each compared threshold."""


@dataclass(frozen=True)
class Share:
    """A count and its sample size."""

    count: int
    n: int

    @property
    def upper(self) -> float:
        """One-sided 95 % upper bound of the rate (Clopper–Pearson)."""
        return upper_bound(self.count, self.n)

    @property
    def lower(self) -> float:
        """One-sided 95 % lower bound of the rate (Clopper–Pearson)."""
        return lower_bound(self.count, self.n)


@dataclass(frozen=True)
class Way:
    """One compared score with its true and false positives."""

    name: str
    hits: Share
    wrong: Share


@dataclass(frozen=True)
class CampaignFate:
    """One campaign: its strength and the number of its flagged accounts."""

    name: str
    strength: str
    flagged: Share
    posts: int


@dataclass(frozen=True)
class Figures:
    """The figures that the demo prints."""

    ways: tuple[Way, ...]
    by_strength: Mapping[str, Share]
    look_alikes: Mapping[str, Share]
    """False positives of the shipped decision on all genuine accounts, by kind."""
    campaigns: tuple[CampaignFate, ...]
    """Campaigns, those with the lowest share of flagged accounts first."""
    set_aside: int
    """Number of genuine accounts that set the thresholds; they are not counted in `ways`."""


def set_aside(account_id: str) -> bool:
    """Return whether a genuine account is used for the thresholds: half of them, by a hash of the id."""
    return hashlib.sha256(f"set aside {account_id}".encode()).digest()[0] < 128


def figures(truth: Iterable[Truth], peaks: Mapping[str, AccountPeaks]) -> Figures:
    """Return the figures over the accounts that posted.

    Content only, metadata only and both flag above the value that `ASIDE_RATE` of the genuine accounts set aside
    exceed; the shipped decision is listed as well.
    """
    posted = [(one, peaks[one.account_id]) for one in truth if one.account_id in peaks]
    genuine = [(one, peak) for one, peak in posted if one.genuine]
    campaign = [peak for one, peak in posted if not one.genuine]
    aside = [peak for one, peak in genuine if set_aside(one.account_id)]
    counted = [peak for one, peak in genuine if not set_aside(one.account_id)]

    def above(name: str, score: Callable[[AccountPeaks], float]) -> Way:
        highest = sorted(map(score, aside), reverse=True)
        threshold = highest[int(ASIDE_RATE * len(highest))] if highest else float("inf")
        return _way(name, [score(peak) > threshold for peak in campaign], [score(peak) > threshold for peak in counted])

    return Figures(
        ways=(
            above("content only", lambda peak: peak.content),
            above("metadata only", lambda peak: peak.metadata),
            above("both", lambda peak: peak.both),
            _way("both, as shipped", [peak.flagged for peak in campaign], [peak.flagged for peak in counted]),
        ),
        by_strength=_shares((one.strength or "", peak.flagged) for one, peak in posted if not one.genuine),
        look_alikes=_shares((one.kind, peak.flagged) for one, peak in genuine),
        campaigns=_fates(posted),
        set_aside=len(aside),
    )


def _way(name: str, hits: list[bool], wrong: list[bool]) -> Way:
    return Way(name, Share(sum(hits), len(hits)), Share(sum(wrong), len(wrong)))


def _shares(outcomes: Iterable[tuple[str, bool]]) -> dict[str, Share]:
    seen: dict[str, list[bool]] = defaultdict(list)
    for name, flagged in outcomes:
        seen[name].append(flagged)
    return {name: Share(sum(seen[name]), len(seen[name])) for name in sorted(seen)}


def _fates(posted: list[tuple[Truth, AccountPeaks]]) -> tuple[CampaignFate, ...]:
    members: dict[str, list[tuple[Truth, AccountPeaks]]] = defaultdict(list)
    for one, peak in posted:
        if one.campaign is not None:
            members[one.campaign].append((one, peak))
    fates = [
        CampaignFate(
            name,
            found[0][0].strength or "",
            Share(sum(peak.flagged for _, peak in found), len(found)),
            sum(peak.posts for _, peak in found),
        )
        for name, found in members.items()
    ]
    return tuple(sorted(fates, key=lambda fate: (fate.flagged.count / fate.flagged.n, -fate.flagged.n, fate.name)))
