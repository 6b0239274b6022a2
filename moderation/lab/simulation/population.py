"""Draws the genuine accounts: ordinary users of many kinds, and users who resemble campaigns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from moderation.events import InputMethod
from moderation.lab.simulation.account_plan import AccountPlan, Figures, Place
from moderation.lab.simulation.addresses import AddressBook
from moderation.lab.simulation.posting_times import DAY_MS, Horizon, habit_of, in_a_burst, like_a_person, on_schedule
from moderation.lab.simulation.ranges import People
from moderation.lab.simulation.rhythm import Manner, person
from moderation.lab.simulation.truth import Truth
from moderation.lab.simulation.writers import WriterPool, Writing

_METHOD: dict[str, InputMethod] = {
    "mobile": "mobile",
    "carrier": "mobile",
    "ime": "ime",
    "dictation": "dictation",
    "assistive": "assistive",
}
_WRITING: dict[str, Writing] = {
    "non_native": "second_language",
    "classroom": "second_language",
    "newsroom": "formal",
}
_LESSON_H = 3.0
"""Hours in which the learners of a classroom, on one address with new accounts, post."""
CIRCLE_SIZE = 60
_FIRST_HOUSEHOLD = -1_000_000
"""Number of the first follow cluster of a household; the others count down."""
_FAMILY_DENSITY = 0.7
_WITH_TWO_DEVICES = ("desktop", "mobile", "campus", "dormitory", "household", "carrier")
_TWO_DEVICES = 0.25
_SHARES_DEVICE = 0.3
"""Share of the households with one device."""
_QUIET = 0.5
"""Share of accounts that follow few others within the simulation."""


def genuine_accounts(
    rng: np.random.Generator,
    people: People,
    ids: list[str],
    writers: WriterPool,
    book: AddressBook,
    horizon: Horizon,
) -> list[AccountPlan]:
    """Return one plan for each id."""
    kinds = _kinds(rng, people, len(ids))
    shared = _shared_places(people, kinds, book)
    lessons = {place: int(rng.integers(horizon.days * DAY_MS)) for place in dict.fromkeys(shared["classroom"])}
    households = _households(rng, shared["household"])
    waiting = {kind: iter(places) for kind, places in shared.items()}
    fans = iter(_clusters(rng, kinds.count("fan"), *people.fan_cluster))
    circles = max(1, len(ids) // CIRCLE_SIZE)
    written = writers.assigned(rng, [_WRITING.get(kind, "general") for kind in kinds], horizon.max_posts)
    plans = []
    for account_id, kind, (writing, texts) in zip(ids, kinds, written, strict=True):
        places = [next(waiting[kind])] if kind in waiting else [book.home()]
        begin_ms = horizon.start_ms + lessons[places[0]] if kind == "classroom" else None
        household = households.get(places[0])
        times = _times(rng, kind, len(texts), horizon, begin_ms, household)
        if kind in ("mobile", "carrier", "campus") and rng.random() < 0.5:
            places.append(book.home() if kind in waiting else book.fresh("mobile"))
        newcomer = kind in ("newcomer", "classroom")
        plan = AccountPlan(
            truth=Truth(account_id, kind, None, None, writing),
            texts=[one.text for one in texts],
            communities=[one.community for one in texts],
            manner=_manner(rng, kind, people.tempo),
            figures=ordinary_figures(rng, newcomer=newcomer),
            places=places,
            times_ms=times,
            circle=int(rng.integers(circles)),
            follows=ordinary_follows(rng, newcomer=newcomer),
            tells_network=bool(rng.random() < 0.85),
            device=f"{account_id}-d",
        )
        if kind in _WITH_TWO_DEVICES and rng.random() < _TWO_DEVICES:
            plan.second_manner, plan.second_share = another_device(rng, people.tempo)
        if kind == "fan":
            plan.ring, plan.ring_density = next(fans)
        if household is not None:
            household.take_in(plan)
        plans.append(plan)
    return plans


@dataclass
class _Household:
    """People on one address who post at the same times of the day and follow each other."""

    ring: int
    habit: float
    shares_device: bool
    first: AccountPlan | None = None

    def take_in(self, plan: AccountPlan) -> None:
        """Give an account the community of the others, follows among them, and for some the same device."""
        self.first = self.first or plan
        plan.circle, plan.ring, plan.ring_density = self.first.circle, self.ring, _FAMILY_DENSITY
        if self.shares_device:
            plan.device = self.first.device


def _households(rng: np.random.Generator, places: list[Place]) -> dict[Place, _Household]:
    return {
        place: _Household(_FIRST_HOUSEHOLD - number, habit_of(rng), bool(rng.random() < _SHARES_DEVICE))
        for number, place in enumerate(dict.fromkeys(places))
    }


def _kinds(rng: np.random.Generator, people: People, accounts: int) -> list[str]:
    total = sum(people.shares.values())
    shares = [share / total for share in people.shares.values()]
    return [str(kind) for kind in rng.choice(list(people.shares), accounts, p=shares)]


def _shared_places(people: People, kinds: list[str], book: AddressBook) -> dict[str, list[Place]]:
    """Return an address for each account of the kinds that share addresses; classrooms are of two kinds of network."""
    counts = Counter(kinds)
    services = book.shared("hosting", counts["scheduler"] + counts["newsroom"], *people.scheduler_service)
    on_campus = counts["classroom"] // 2
    return {
        "carrier": book.shared("mobile", counts["carrier"], *people.carrier),
        "campus": book.shared("campus", counts["campus"], *people.campus),
        "dormitory": book.spread("campus", counts["dormitory"], *people.dormitory),
        "household": book.shared("residential", counts["household"], *people.household),
        "scheduler": services[: counts["scheduler"]],
        "newsroom": services[counts["scheduler"] :],
        "classroom": [
            *book.shared("campus", on_campus, *people.classroom),
            *book.shared("residential", counts["classroom"] - on_campus, *people.classroom),
        ],
    }


def _times(
    rng: np.random.Generator, kind: str, n: int, horizon: Horizon, begin_ms: int | None, household: _Household | None
) -> list[int]:
    if begin_ms is not None:
        return in_a_burst(rng, n, begin_ms, _LESSON_H, horizon.start_ms, horizon.days)
    if household is not None:
        return like_a_person(rng, n, horizon.start_ms, horizon.days, household.habit)
    at_times = on_schedule if kind in ("scheduler", "newsroom") else like_a_person
    return at_times(rng, n, horizon.start_ms, horizon.days)


def ordinary_figures(rng: np.random.Generator, *, newcomer: bool, age_days: float | None = None) -> Figures:
    """Draw an account's public figures, heavy-tailed, for the age given or an ordinary one; a newcomer has few."""
    if newcomer:
        return Figures(
            age_days=float(rng.uniform(0.02, 6.0)),
            followers=int(rng.poisson(2)),
            following=int(rng.poisson(8)),
            posts=int(rng.poisson(1)),
            deleted_posts=0,
            listed=0,
            has_bio=bool(rng.random() < 0.4),
            has_avatar=bool(rng.random() < 0.5),
        )
    age = float(np.clip(rng.lognormal(np.log(700.0), 1.1), 3.0, 6000.0)) if age_days is None else age_days
    posts = int(rng.lognormal(np.log(age * 0.4 + 5.0), 1.3))
    return Figures(
        age_days=age,
        followers=int(rng.lognormal(np.log(90.0), 1.5)),
        following=int(rng.lognormal(np.log(150.0), 1.1)),
        posts=posts,
        deleted_posts=int(rng.binomial(min(posts, 10_000), 0.03)),
        listed=int(rng.poisson(0.8)),
        has_bio=bool(rng.random() < 0.78),
        has_avatar=bool(rng.random() < 0.9),
    )


def ordinary_follows(rng: np.random.Generator, *, newcomer: bool) -> int:
    """Return the number of accounts that an ordinary account follows within the simulation."""
    if newcomer or rng.random() < _QUIET:
        return int(rng.poisson(0.8))
    return int(min(120, rng.lognormal(np.log(5.0), 1.0)))


def _manner(rng: np.random.Generator, kind: str, tempo: float) -> Manner:
    manner = person(rng, _METHOD.get(kind, "keyboard"), tempo)
    if kind in ("scheduler", "newsroom"):
        return replace(manner, method="api", pattern="none")
    if kind == "template":
        return replace(manner, pasted_posts=float(rng.uniform(0.6, 0.98)))
    if kind in ("non_native", "classroom"):
        slower = float(rng.uniform(1.2, 1.9))
        return replace(
            manner,
            interval_ms=manner.interval_ms * slower,
            thinking=manner.thinking * 2.0,
            corrections=min(0.3, manner.corrections * 1.6),
            pasted_posts=float(rng.beta(2.0, 10.0)),
        )
    return manner


def another_device(rng: np.random.Generator, tempo: float) -> tuple[Manner, float]:
    """Return how a person types on another device, and the share of the posts that are written there."""
    method: InputMethod = "mobile" if rng.random() < 0.5 else "keyboard"
    return person(rng, method, tempo), float(rng.uniform(0.1, 0.5))


def _clusters(rng: np.random.Generator, accounts: int, low: int, high: int) -> list[tuple[int, float]]:
    """Return number and density of the dense follow cluster of each of *accounts*."""
    clusters: list[tuple[int, float]] = []
    number = 0
    while len(clusters) < accounts:
        number -= 1  # campaign rings count up from 0, fan clusters down from -1
        clusters += [(number, float(rng.uniform(0.15, 0.6)))] * int(rng.integers(low, high + 1))
    return clusters[:accounts]
