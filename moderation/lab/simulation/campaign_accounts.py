"""Draws the accounts of campaigns by strength; each planted signature can be removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from moderation.lab.simulation.account_plan import AccountPlan, Figures, Place
from moderation.lab.simulation.addresses import AddressBook
from moderation.lab.simulation.config import Signature
from moderation.lab.simulation.population import CIRCLE_SIZE, ordinary_figures, ordinary_follows
from moderation.lab.simulation.posting_times import DAY_MS, Horizon, how_many, in_a_burst, like_a_person
from moderation.lab.simulation.ranges import Campaigns
from moderation.lab.simulation.rhythm import Manner, Pattern, clock, person, telemetry
from moderation.lab.simulation.truth import Truth
from moderation.lab.simulation.writers import WriterPool

_ROTATED = 3
"""Addresses of an account of a campaign that spreads over a network."""


def campaign_accounts(
    rng: np.random.Generator,
    ranges: Mapping[str, Campaigns],
    planted: frozenset[Signature],
    ids: list[str],
    writers: WriterPool,
    book: AddressBook,
    horizon: Horizon,
) -> list[AccountPlan]:
    """Return one plan for each id, campaign after campaign."""
    plans: list[AccountPlan] = []
    shares = np.array([shape.share for shape in ranges.values()])
    number = 0
    while len(plans) < len(ids):
        strength = str(rng.choice(list(ranges), p=shares / shares.sum()))
        shape = ranges[strength]
        size = min(len(ids) - len(plans), int(rng.integers(shape.size[0], shape.size[1] + 1)))
        members = ids[len(plans) : len(plans) + size]
        campaign = _Campaign(strength, shape, planted, f"{strength}-{members[0]}", number)
        plans += _accounts(rng, campaign, members, writers, book, horizon)
        number += 1
    return plans


@dataclass(frozen=True)
class _Campaign:
    strength: str
    shape: Campaigns
    planted: frozenset[Signature]
    name: str
    number: int


def _accounts(
    rng: np.random.Generator,
    campaign: _Campaign,
    ids: list[str],
    writers: WriterPool,
    book: AddressBook,
    horizon: Horizon,
) -> list[AccountPlan]:
    shape, planted = campaign.shape, campaign.planted
    named = writers.sources(persona=shape.persona)
    places = _places(rng, shape, planted, len(ids), book)
    pattern: Pattern = shape.patterns[int(rng.integers(len(shape.patterns)))] if "typing" in planted else "human"
    machine_share = float(rng.uniform(*shape.machine_share))
    begin = horizon.start_ms + int(rng.uniform(0, horizon.days) * DAY_MS)
    hours = float(rng.uniform(*shape.burst_h))
    density = float(rng.uniform(*shape.ring_density)) if "ring" in planted else 0.0
    created = float(rng.uniform(*shape.age_days))
    forged = float(rng.uniform(*shape.forged))
    plans = []
    for account_id, own in zip(ids, places, strict=True):
        n = how_many(rng, horizon.max_posts)
        source = str(rng.choice(list(named), p=list(named.values())))
        age = None if shape.borrowed_account else max(0.1, created * float(rng.uniform(0.7, 1.3)))
        figures = ordinary_figures(rng, newcomer=False, age_days=age)
        if not shape.like_a_person:
            figures = _grown(rng, figures)
        written = writers.campaign(rng, source, n, machine_share, persona=shape.persona)
        plans.append(
            AccountPlan(
                truth=Truth(account_id, "campaign", campaign.strength, campaign.name),
                texts=[one.text for one in written],
                communities=[one.community for one in written],
                manner=_manner(rng, shape, pattern),
                second_manner=person(rng, "keyboard") if forged else None,
                second_share=forged,
                figures=figures,
                places=own,
                times_ms=_times(rng, n, begin, hours, horizon),
                circle=int(rng.integers(1 << 30)) // CIRCLE_SIZE,
                follows=ordinary_follows(rng, newcomer=not shape.like_a_person and figures.age_days < 10),
                followed=shape.like_a_person,
                ring=campaign.number if density else None,
                ring_density=density,
                tells_network=bool(rng.random() < 0.85),
                device=f"{account_id}-e" if shape.borrowed_account else f"{account_id}-d",
                devices=[f"{account_id}-f"] if shape.borrowed_account else [],
                hijacked=shape.borrowed_account,
            )
        )
    return plans


def _times(rng: np.random.Generator, n: int, begin_ms: int, hours: float, horizon: Horizon) -> list[int]:
    if hours:
        return in_a_burst(rng, n, begin_ms, hours, horizon.start_ms, horizon.days)
    return like_a_person(rng, n, horizon.start_ms, horizon.days)


def _places(
    rng: np.random.Generator, shape: Campaigns, planted: frozenset[Signature], accounts: int, book: AddressBook
) -> list[list[Place]]:
    if "addresses" not in planted or shape.accounts_per_address == (1, 1):
        return [[book.home()] for _ in range(accounts)]
    if rng.random() < shape.rotates:
        slots = accounts * _ROTATED
        own = book.spread(shape.network, slots, slots, slots)
        order = rng.permutation(slots).reshape(accounts, _ROTATED).tolist()
        return [[own[slot] for slot in slots_of_one] for slots_of_one in order]
    if shape.addresses_per_account == 1:
        return [[place] for place in book.shared(shape.network, accounts, *shape.accounts_per_address)]
    exits = max(1, accounts * shape.addresses_per_account // int(rng.integers(*shape.accounts_per_address)))
    pool = [book.fresh(shape.network) for _ in range(exits)]
    return [[pool[int(rng.integers(exits))] for _ in range(shape.addresses_per_account)] for _ in range(accounts)]


def _manner(rng: np.random.Generator, shape: Campaigns, pattern: Pattern) -> Manner:
    """Return a replayed human manner where the pattern is human; else that of a script."""
    if pattern == "human":
        return person(rng, "mobile" if rng.random() < 0.4 else "keyboard")
    return Manner(
        method="api" if pattern == "none" else "keyboard",
        pattern=pattern,
        interval_ms=float(rng.uniform(*shape.interval_ms)),
        spread=float(rng.uniform(*shape.spread)),
        presses_per_char=1.0,
        corrections=0.0,
        word_pause=1.0,
        thinking=0.0,
        pasted_posts=0.0,
        telemetry=telemetry(rng),
        clock_ms=clock(rng),
    )


def _grown(rng: np.random.Generator, like_a_person: Figures) -> Figures:
    """Return the figures of an account created for the campaign, with the small audience of its age."""
    age_days = like_a_person.age_days
    young = min(1.0, age_days / 700.0)
    posts = int(rng.lognormal(np.log(2.0 + age_days * 0.5), 1.0))
    return replace(
        like_a_person,
        followers=int(like_a_person.followers * young) + int(rng.poisson(3)),
        following=int(like_a_person.following * (0.3 + 0.7 * young)),
        posts=posts,
        deleted_posts=int(rng.binomial(min(posts, 10_000), 0.06)),
        listed=int(rng.poisson(0.8 * young)),
        has_bio=bool(rng.random() < 0.7),
        has_avatar=bool(rng.random() < 0.85),
    )
