"""The plan of one simulated account."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from moderation.events import NetworkKind
from moderation.lab.simulation.posting_times import DAY_MS
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


class Joint(NamedTuple):
    """A post that an account writes together with others."""

    at_ms: int
    link: str
    """Empty: no link."""
    text: str | None
    """The text that it copies; None: a text of its own."""


@dataclass
class AccountPlan:
    """The properties of an account that its posts are drawn from."""

    truth: Truth
    texts: list[str]
    """The text of each post, in order."""
    communities: list[str]
    """The community of each post, in order."""
    manner: Manner
    figures: Figures
    places: list[Place]
    """Addresses of the account; each post uses one at random."""
    times_ms: list[int]
    """Times of its posts, milliseconds since the epoch, sorted."""
    circle: int
    """Number of the community that most of the accounts it follows belong to."""
    follows: int
    """Number of accounts that it follows within the simulation."""
    followed: bool = True
    """Whether accounts outside its ring follow it."""
    ring: int | None = None
    """Number of the dense cluster it belongs to, if any."""
    ring_density: float = 0.0
    second_manner: Manner | None = None
    """How some of its posts are typed: on another device of a person, or replayed from a person by a script."""
    second_share: float = 0.0
    tells_network: bool = True
    """Whether events state the kind of its network."""
    device: str = ""
    devices: list[str] = field(default_factory=list)
    """Further devices, used at random; empty: always the same device."""
    links: list[str] = field(default_factory=list)
    """The link of each post; empty: none."""
    joint: list[bool] = field(default_factory=list)
    """Whether each post is written together with others."""
    hijacked: bool = False
    """Whether the account was its owner's before the campaign."""
    owner: AccountPlan | None = None
    """Whom a hijacked account was taken from; the first *owned* posts are written as this plan says."""
    owned: int = 0

    def __post_init__(self) -> None:
        """Begin without links and joint posts."""
        self.links = self.links or [""] * len(self.texts)
        self.joint = self.joint or [False] * len(self.texts)

    def post_jointly(self, number: int, joint: Joint) -> None:
        """Move the post with this number to the time of the others; the texts stay in their order."""
        self.times_ms[number], self.links[number], self.joint[number] = joint.at_ms, joint.link, True
        order = sorted(range(len(self.times_ms)), key=self.times_ms.__getitem__)
        self.times_ms = [self.times_ms[one] for one in order]
        self.links = [self.links[one] for one in order]
        self.joint = [self.joint[one] for one in order]
        if joint.text is not None:
            self.texts[order.index(number)] = joint.text

    def take_over(self, owner: AccountPlan) -> None:
        """Begin with the posts that the owner wrote before the first one of the campaign."""
        begin_ms = self.times_ms[0]
        self.owner, self.owned = owner, bisect_left(owner.times_ms, begin_ms)
        self.truth = replace(self.truth, since_ms=begin_ms)
        self.texts[:0] = owner.texts[: self.owned]
        self.communities[:0] = owner.communities[: self.owned]
        self.times_ms[:0] = owner.times_ms[: self.owned]
        self.links[:0] = owner.links[: self.owned]
        self.joint[:0] = owner.joint[: self.owned]

    def behind(self, number: int) -> AccountPlan:
        """Return the plan of who writes the post with this number."""
        return self.owner if self.owner is not None and number < self.owned else self

    @property
    def created_ms(self) -> int:
        """When the account was created: its age before its first post."""
        return self.times_ms[0] - int(self.figures.age_days * DAY_MS)

    @property
    def account_id(self) -> str:
        """The id of the account."""
        return self.truth.account_id
