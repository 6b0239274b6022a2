"""Draws the genuine accounts: ordinary users of many kinds, and users who resemble campaigns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from moderation.events import InputMethod
from moderation.lab.simulation.account_plan import AccountPlan, Figures
from moderation.lab.simulation.addresses import AddressBook
from moderation.lab.simulation.posting_times import Horizon, like_a_person, on_schedule
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
_WRITING: dict[str, Writing] = {"non_native": "second_language", "newsroom": "formal"}
CIRCLE_SIZE = 60


def genuine_accounts(
    rng: np.random.Generator,
    people: People,
    ids: list[str],
    writers: WriterPool,
    book: AddressBook,
    horizon: Horizon,
) -> list[AccountPlan]:
    """Return one plan for each id."""
    total = sum(people.shares.values())
    kinds = [
        str(kind) for kind in rng.choice(list(people.shares), len(ids), p=[s / total for s in people.shares.values()])
    ]
    carriers = iter(book.shared("mobile", kinds.count("carrier"), *people.carrier))
    campuses = iter(book.shared("campus", kinds.count("campus"), *people.campus))
    services = iter(
        book.shared("hosting", kinds.count("scheduler") + kinds.count("newsroom"), *people.scheduler_service)
    )
    fans = iter(_clusters(rng, kinds.count("fan"), *people.fan_cluster))
    circles = max(1, len(ids) // CIRCLE_SIZE)
    written = writers.assigned(rng, [_WRITING.get(kind, "general") for kind in kinds], horizon.max_posts)
    plans = []
    for account_id, kind, (writing, texts) in zip(ids, kinds, written, strict=True):
        at_times = on_schedule if kind in ("scheduler", "newsroom") else like_a_person
        times = at_times(rng, len(texts), horizon.start_ms, horizon.days)
        shared = {"carrier": carriers, "campus": campuses, "scheduler": services, "newsroom": services}.get(kind)
        places = [next(shared)] if shared is not None else [book.home()]
        if kind in ("mobile", "carrier", "campus") and rng.random() < 0.5:
            places.append(book.home() if shared is not None else book.fresh("mobile"))
        plan = AccountPlan(
            truth=Truth(account_id, kind, None, None, writing),
            texts=texts,
            manner=_manner(rng, kind, people.tempo),
            figures=ordinary_figures(rng, newcomer=kind == "newcomer"),
            places=places,
            times_ms=times,
            circle=int(rng.integers(circles)),
            follows=ordinary_follows(rng, newcomer=kind == "newcomer"),
            tells_network=bool(rng.random() < 0.85),
            device=f"{account_id}-d",
        )
        if kind == "fan":
            plan.ring, plan.ring_density = next(fans)
        plans.append(plan)
    return plans


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
    return int(rng.poisson(2.0)) if newcomer else int(min(120, rng.lognormal(np.log(6.0), 0.9)))


def _manner(rng: np.random.Generator, kind: str, tempo: float) -> Manner:
    manner = person(rng, _METHOD.get(kind, "keyboard"), tempo)
    if kind in ("scheduler", "newsroom"):
        return replace(manner, method="api", pattern="none")
    if kind == "template":
        return replace(manner, pasted_posts=float(rng.uniform(0.6, 0.98)))
    if kind == "non_native":
        slower = float(rng.uniform(1.2, 1.9))
        return replace(
            manner,
            interval_ms=manner.interval_ms * slower,
            thinking=manner.thinking * 2.0,
            corrections=min(0.3, manner.corrections * 1.6),
            pasted_posts=float(rng.beta(2.0, 10.0)),
        )
    return manner


def _clusters(rng: np.random.Generator, accounts: int, low: int, high: int) -> list[tuple[int, float]]:
    """Return number and density of the dense follow cluster of each of *accounts*."""
    clusters: list[tuple[int, float]] = []
    number = 0
    while len(clusters) < accounts:
        number -= 1  # campaign rings count up from 0, fan clusters down from -1
        clusters += [(number, float(rng.uniform(0.15, 0.6)))] * int(rng.integers(low, high + 1))
    return clusters[:accounts]
