"""The ranges that populations and campaigns are drawn from: one set for training, one for evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moderation.events import NetworkKind
from moderation.lab.simulation.config import Parameters
from moderation.lab.simulation.rhythm import Pattern


@dataclass(frozen=True)
class People:
    """The genuine population: shares of its kinds, and group sizes of users who resemble campaigns."""

    shares: Mapping[str, float]
    carrier: tuple[int, int]
    """Accounts on one carrier NAT address."""
    campus: tuple[int, int]
    fan_cluster: tuple[int, int]
    scheduler_service: tuple[int, int]
    """Customers of a scheduling service that post from one hosting address."""
    classroom: tuple[int, int]
    """Learners on one address, with new accounts."""
    dormitory: tuple[int, int]
    """Accounts on one network of a campus, each on an address with at most two others."""
    household: tuple[int, int]
    """Accounts on one address, at the same times of the day."""
    tempo: float
    """Factor on all typing intervals."""


@dataclass(frozen=True)
class Campaigns:
    """Campaigns of one strength."""

    share: float
    """Share of the campaign accounts."""
    size: tuple[int, int]
    network: NetworkKind
    accounts_per_address: tuple[int, int]
    """(1, 1): a residential address of its own."""
    addresses_per_account: int
    patterns: tuple[Pattern, ...]
    interval_ms: tuple[float, float]
    spread: tuple[float, float]
    machine_share: tuple[float, float]
    age_days: tuple[float, float]
    ring_density: tuple[float, float]
    """Probability that a member follows another member; (0, 0): no ring."""
    burst_h: tuple[float, float]
    """Hours within which the posts of a campaign fall; (0, 0): at the times of a person."""
    like_a_person: bool = False
    """Whether figures, audience and follows are those of ordinary accounts of that age."""
    borrowed_account: bool = False
    """Whether the account was taken over from a person, whatever its age, and posts from a further device."""
    forged: tuple[float, float] = (0.0, 0.0)
    """Share of an account's posts whose rhythm is replayed from a person."""
    rotates: float = 0.0
    """Probability that a campaign spreads over the addresses of a network of its own."""
    persona: bool = False
    """Whether a generator writes its texts as a casual user, where such texts are given."""


KINDS: Mapping[str, float] = {
    "desktop": 0.20,
    "mobile": 0.26,
    "carrier": 0.11,
    "campus": 0.05,
    "dormitory": 0.02,
    "household": 0.05,
    "ime": 0.06,
    "dictation": 0.03,
    "assistive": 0.02,
    "scheduler": 0.04,
    "template": 0.03,
    "non_native": 0.04,
    "fan": 0.02,
    "newcomer": 0.04,
    "newsroom": 0.02,
    "classroom": 0.02,
}

PEOPLE: Mapping[Parameters, People] = {
    "trained": People(KINDS, (40, 400), (20, 90), (20, 70), (10, 60), (6, 30), (15, 80), (2, 5), 1.0),
    "held_out": People(
        {**KINDS, "desktop": 0.13, "carrier": 0.15, "campus": 0.07, "newcomer": 0.06},
        (60, 600),
        (30, 140),
        (30, 90),
        (15, 80),
        (8, 45),
        (20, 120),
        (2, 5),
        1.12,
    ),
}

CAMPAIGNS: Mapping[Parameters, Mapping[str, Campaigns]] = {
    "trained": {
        "weak": Campaigns(
            share=0.40,
            size=(12, 40),
            network="hosting",
            accounts_per_address=(6, 40),
            addresses_per_account=1,
            patterns=("instant", "constant"),
            interval_ms=(25.0, 90.0),
            spread=(0.02, 0.12),
            machine_share=(0.95, 1.0),
            age_days=(0.5, 20.0),
            ring_density=(0.4, 0.9),
            burst_h=(2.0, 12.0),
            rotates=0.3,
            forged=(0.0, 0.4),
        ),
        "medium": Campaigns(
            share=0.35,
            size=(8, 30),
            network="vpn",
            accounts_per_address=(3, 8),
            addresses_per_account=1,
            patterns=("instant", "uniform", "none"),
            interval_ms=(90.0, 200.0),
            spread=(0.3, 0.7),
            machine_share=(0.85, 1.0),
            age_days=(5.0, 150.0),
            ring_density=(0.1, 0.4),
            burst_h=(12.0, 72.0),
            rotates=0.3,
            forged=(0.0, 0.4),
        ),
        "strong": Campaigns(
            share=0.25,
            size=(8, 25),
            network="residential",
            accounts_per_address=(1, 1),
            addresses_per_account=1,
            patterns=("human",),
            interval_ms=(0.0, 0.0),
            spread=(0.0, 0.0),
            machine_share=(0.5, 0.7),
            age_days=(60.0, 900.0),
            ring_density=(0.0, 0.0),
            burst_h=(0.0, 0.0),
            like_a_person=True,
        ),
    },
    "held_out": {
        "weak": Campaigns(
            share=0.40,
            size=(10, 60),
            network="hosting",
            accounts_per_address=(4, 25),
            addresses_per_account=1,
            patterns=("instant", "constant"),
            interval_ms=(80.0, 140.0),
            spread=(0.08, 0.2),
            machine_share=(0.9, 1.0),
            age_days=(2.0, 45.0),
            ring_density=(0.25, 0.6),
            burst_h=(6.0, 30.0),
            rotates=0.4,
            forged=(0.0, 0.6),
        ),
        "medium": Campaigns(
            share=0.35,
            size=(6, 40),
            network="vpn",
            accounts_per_address=(2, 5),
            addresses_per_account=1,
            patterns=("instant", "uniform", "none"),
            interval_ms=(140.0, 280.0),
            spread=(0.5, 0.85),
            machine_share=(0.75, 1.0),
            age_days=(20.0, 300.0),
            ring_density=(0.05, 0.25),
            burst_h=(24.0, 120.0),
            rotates=0.4,
            forged=(0.0, 0.6),
        ),
        "strong": Campaigns(
            share=0.25,
            size=(8, 40),
            network="residential",
            accounts_per_address=(1, 1),
            addresses_per_account=1,
            patterns=("human",),
            interval_ms=(0.0, 0.0),
            spread=(0.0, 0.0),
            machine_share=(0.4, 0.6),
            age_days=(90.0, 1500.0),
            ring_density=(0.0, 0.0),
            burst_h=(0.0, 0.0),
            like_a_person=True,
        ),
    },
}

HIJACKED = Campaigns(
    share=1.0,
    size=(10, 50),
    network="residential",
    accounts_per_address=(3, 9),
    addresses_per_account=3,
    patterns=("instant", "human"),
    interval_ms=(0.0, 0.0),
    spread=(0.0, 0.0),
    machine_share=(0.85, 1.0),
    age_days=(0.0, 0.0),
    ring_density=(0.0, 0.0),
    burst_h=(4.0, 48.0),
    like_a_person=True,
    borrowed_account=True,
)
"""Bought accounts with a history, over rotating residential proxies."""

SLOW = Campaigns(
    share=1.0,
    size=(10, 40),
    network="mobile",
    accounts_per_address=(2, 5),
    addresses_per_account=1,
    patterns=("none", "human"),
    interval_ms=(0.0, 0.0),
    spread=(0.0, 0.0),
    machine_share=(0.9, 1.0),
    age_days=(30.0, 500.0),
    ring_density=(0.05, 0.2),
    burst_h=(0.0, 0.0),
)
"""Telephones in a rack: a few accounts on each, at the times of a person, over weeks."""

PERSONA = Campaigns(
    share=1.0,
    size=(8, 35),
    network="vpn",
    accounts_per_address=(2, 6),
    addresses_per_account=1,
    patterns=("uniform", "none"),
    interval_ms=(110.0, 240.0),
    spread=(0.4, 0.8),
    machine_share=(0.95, 1.0),
    age_days=(10.0, 250.0),
    ring_density=(0.05, 0.3),
    burst_h=(24.0, 120.0),
    rotates=0.3,
    persona=True,
)
"""Accounts with a role each, written by current assistants as casual users; otherwise like medium campaigns."""

UNSEEN: Mapping[str, Campaigns] = {"hijacked": HIJACKED, "slow": SLOW, "persona": PERSONA}
"""The families excluded from all training."""


@dataclass(frozen=True)
class JointPosting:
    """How the members of a campaign post together."""

    share: tuple[float, float]
    """Share of their posts."""
    links: float
    """Probability that an occasion has a link."""
    copied: float
    """Share of the members that copy a text."""


_UNSEEN_JOINT: Mapping[str, JointPosting] = {
    "hijacked": JointPosting((0.1, 0.5), 0.8, 0.2),
    "slow": JointPosting((0.0, 0.2), 0.8, 0.1),
    "persona": JointPosting((0.0, 0.4), 0.8, 0.0),
}
JOINT: Mapping[Parameters, Mapping[str, JointPosting]] = {
    "trained": {
        "weak": JointPosting((0.2, 0.8), 0.6, 0.5),
        "medium": JointPosting((0.1, 0.5), 0.7, 0.2),
        "strong": JointPosting((0.0, 0.3), 0.9, 0.0),
        **_UNSEEN_JOINT,
    },
    "held_out": {
        "weak": JointPosting((0.1, 0.6), 0.4, 0.3),
        "medium": JointPosting((0.0, 0.4), 0.6, 0.1),
        "strong": JointPosting((0.0, 0.2), 0.8, 0.0),
        **_UNSEEN_JOINT,
    },
}


@dataclass(frozen=True)
class Crowd:
    """Genuine accounts that post the same at about the same time."""

    per_1000: float
    """Number of such crowds in a thousand genuine accounts."""
    size: tuple[int, int]
    hours: float
    link: bool
    copied: float
    """Share of them that copy a text."""
    times: tuple[int, int] = (1, 1)
    """How often the same accounts do it."""
    joins: float = 1.0
    """Probability that one of them takes part each time."""


CROWDS: Mapping[str, Crowd] = {
    "news": Crowd(3.0, (5, 300), hours=6.0, link=True, copied=0.0),
    "petition": Crowd(1.5, (5, 80), hours=20.0, link=True, copied=0.6),
    "chain letter": Crowd(1.5, (5, 120), hours=12.0, link=False, copied=0.95),
    "giveaway": Crowd(1.5, (8, 100), hours=3.0, link=True, copied=0.5),
    "fans": Crowd(3.0, (4, 25), hours=1.0, link=True, copied=0.1, times=(3, 8), joins=0.8),
}
"""Crowds that look coordinated. The first four are mostly strangers; fans post every item of one channel."""
