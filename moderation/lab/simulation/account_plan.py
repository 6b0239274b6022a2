"""One simulated account before it has written anything."""

from __future__ import annotations

from dataclasses import dataclass, field

from moderation.events import NetworkKind
from moderation.lab.simulation.rhythm import Manner
from moderation.lab.simulation.truth import Truth


@dataclass(frozen=True)
class Place:
    """An address that an account posts from."""

    ip: str
    network: NetworkKind


@dataclass(frozen=True)
class Figures:
    """An account's public figures when the simulation begins."""

    age_days: float
    followers: int
    following: int
    posts: int
    deleted_posts: int
    listed: int
    has_bio: bool
    has_avatar: bool


@dataclass
class AccountPlan:
    """Everything that decides an account's posts, except the draws made as each is written."""

    truth: Truth
    source: str
    machine_share: float
    """Probability that a post's text is a machine's."""
    manner: Manner
    figures: Figures
    places: list[Place]
    """Addresses in use; each post takes one at random."""
    times_ms: list[int]
    """When it posts, milliseconds since the epoch, sorted."""
    circle: int
    """Number of the community in which most of its follows lie."""
    follows: int
    """How many accounts it follows within the simulation."""
    followed: bool = True
    """Whether others follow it as they follow anybody; else only its ring does."""
    ring: int | None = None
    """Number of the dense cluster it belongs to, if any."""
    ring_density: float = 0.0
    tells_network: bool = True
    """Whether the platform knows its kind of network."""
    device: str = ""
    devices: list[str] = field(default_factory=list)
    """Further devices, taken at random; empty: always the same."""

    @property
    def account_id(self) -> str:
        """Identity of the account."""
        return self.truth.account_id
