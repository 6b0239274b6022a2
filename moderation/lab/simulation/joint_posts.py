"""Lets accounts post the same link or text at the same time: crowds of strangers, fans, and campaigns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from moderation.lab.simulation.account_plan import AccountPlan, Joint
from moderation.lab.simulation.posting_times import DAY_MS, HOUR_MS, Horizon
from moderation.lab.simulation.ranges import CROWDS, Crowd, JointPosting

_WITH_LINK = 0.12
"""Share of ordinary posts with a link; some links are popular."""
_JOINS = 0.7
"""Probability that a member of a campaign takes part in an occasion."""
_WAVE_H = 0.7
"""Hours within which the members of a campaign post the same."""
_POPULAR = 1.4
"""Exponent of the distribution of the popularity of links."""


@dataclass(frozen=True)
class _Occasion:
    """What is posted, and when."""

    name: str
    begin_ms: int
    hours: float
    link: bool
    copied: float
    """Share of the accounts that copy the text of the first one."""


def add_ordinary_links(rng: np.random.Generator, plans: Sequence[AccountPlan]) -> None:
    """Give some posts of every account a link that others may post too."""
    for plan in plans:
        for number, at_ms in enumerate(plan.times_ms):
            if rng.random() < _WITH_LINK:
                plan.links[number] = f"https://news.example/{at_ms // DAY_MS}/{rng.zipf(_POPULAR)}"


def add_crowds(rng: np.random.Generator, plans: Sequence[AccountPlan], horizon: Horizon) -> None:
    """Let genuine accounts post together: news, petitions, chain letters, giveaways, and fans of one channel."""
    for name, crowd in CROWDS.items():
        for number in range(int(rng.poisson(crowd.per_1000 * len(plans) / 1000))):
            size = min(len(plans), int(np.exp(rng.uniform(*np.log(crowd.size)))))
            members = [plans[one] for one in rng.choice(len(plans), size, replace=False).tolist()]
            for time in range(int(rng.integers(crowd.times[0], crowd.times[1] + 1))):
                occasion = _occasion(rng, f"{name}/{number}-{time}", crowd, horizon)
                some = [one for one in members if rng.random() < crowd.joins]
                _post_together(rng, some, occasion, horizon)


def _occasion(rng: np.random.Generator, name: str, crowd: Crowd, horizon: Horizon) -> _Occasion:
    begin_ms = horizon.start_ms + int(rng.uniform(0, horizon.days) * DAY_MS)
    return _Occasion(name, begin_ms, crowd.hours, crowd.link, crowd.copied)


def add_campaigns(
    rng: np.random.Generator, plans: Sequence[AccountPlan], joint: Mapping[str, JointPosting], horizon: Horizon
) -> None:
    """Let the members of each campaign post its links and texts together."""
    campaigns: dict[str, list[AccountPlan]] = defaultdict(list)
    for plan in plans:
        if plan.truth.campaign is not None:
            campaigns[plan.truth.campaign].append(plan)
    for name, members in campaigns.items():
        posting = joint[str(members[0].truth.strength)]
        first = min(plan.times_ms[0] for plan in members)
        last = max(plan.times_ms[-1] for plan in members)
        mean = sum(len(plan.texts) for plan in members) / len(members)
        times = int(rng.poisson(mean * rng.uniform(*posting.share) / _JOINS))
        for time in range(times):
            begin_ms = int(rng.integers(first, last + 1))
            occasion = _Occasion(f"{name}/{time}", begin_ms, _WAVE_H, rng.random() < posting.links, posting.copied)
            _post_together(rng, [one for one in members if rng.random() < _JOINS], occasion, horizon)


def _post_together(
    rng: np.random.Generator, members: Sequence[AccountPlan], occasion: _Occasion, horizon: Horizon
) -> None:
    """Move one post of each member to the occasion; a member without another ordinary post stays out."""
    link = f"https://site.example/{occasion.name}" if occasion.link else ""
    text = next((text for plan in members for text in plan.texts if len(text.split()) >= 8), None)
    for plan in members:
        free = [number for number, is_joint in enumerate(plan.joint) if not is_joint]
        if not free:
            continue
        delay = rng.exponential(occasion.hours / 3) if rng.random() < 0.5 else rng.uniform(0, occasion.hours)
        at_ms = horizon.start_ms + (occasion.begin_ms + int(delay * HOUR_MS) - horizon.start_ms) % (
            horizon.days * DAY_MS
        )
        copied = text is not None and bool(rng.random() < occasion.copied)
        plan.post_jointly(free[int(rng.integers(len(free)))], Joint(at_ms, link, text if copied else None))
