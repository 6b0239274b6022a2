"""A simulated platform: its accounts, and their events in event-time order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from moderation.events import Account, Client, Deletion, Event, EventKey, Follow, Label, LabelVerdict, Post
from moderation.lab.simulation.account_plan import AccountPlan
from moderation.lab.simulation.addresses import AddressBook
from moderation.lab.simulation.campaign_accounts import campaign_accounts
from moderation.lab.simulation.config import SimulationConfig
from moderation.lab.simulation.follow_graph import follow_edges
from moderation.lab.simulation.joint_posts import add_campaigns, add_crowds, add_ordinary_links
from moderation.lab.simulation.population import CIRCLE_SIZE, genuine_accounts
from moderation.lab.simulation.posting_times import DAY_MS, Horizon
from moderation.lab.simulation.ranges import CAMPAIGNS, JOINT, PEOPLE, UNSEEN, Campaigns
from moderation.lab.simulation.rhythm import typing_of
from moderation.lab.simulation.truth import Truth
from moderation.lab.simulation.writers import WriterPool

_LATE_FOLLOWS = 0.15  # share of follows that begin while posts are already written
_SETTLED_DAYS = 3
_FIRST_FOLLOWS_MS = 2 * DAY_MS
"""An account that is younger than a follow of it would be begins it within this time of its creation."""
_DELETED = 0.015
_REVIEWED = 0.005
_FOLLOW, _DELETION, _LABEL, _POST = range(4)


@dataclass(frozen=True)
class Platform:
    """The accounts with their truth, and their events."""

    config: SimulationConfig
    plans: Sequence[AccountPlan]
    edges: Sequence[tuple[int, int]]

    @property
    def truth(self) -> list[Truth]:
        """The truth about each account; never part of the events."""
        return [plan.truth for plan in self.plans]

    def events(self) -> Iterator[Event]:
        """Yield all events in event-time order, the same on every call."""
        rng = np.random.default_rng([self.config.seed, 2])
        waiting: list[Event] = []
        for at, kind, actor, number in self._timetable(rng):
            if waiting and _ms_of(waiting[0]) != at:
                yield from _tied(waiting)
                waiting = []
            waiting.append(self._event(rng, at, kind, actor, number))
        yield from _tied(waiting)

    def _timetable(self, rng: np.random.Generator) -> list[tuple[int, int, int, int]]:
        """Return (time, kind of event, actor, number) of every event, sorted."""
        start, days = _start_ms(self.config), self.config.days
        table = []
        settled = (self.config.history_days - _SETTLED_DAYS) * DAY_MS  # most follows are old when the first post comes
        before = start - self.config.history_days * DAY_MS
        early = rng.random(len(self.edges)) >= _LATE_FOLLOWS
        created = [plan.created_ms for plan in self.plans]
        for edge, (soon, part) in enumerate(zip(early.tolist(), rng.random(len(self.edges)).tolist(), strict=True)):
            at = before + int(part * settled) if soon else start + int(part * days * DAY_MS)
            born = max(created[end] for end in self.edges[edge])
            table.append((at if at > born else born + int(part * _FIRST_FOLLOWS_MS), _FOLLOW, edge, 0))
        for actor, plan in enumerate(self.plans):
            for number, at in enumerate(plan.times_ms):
                table.append((at, _POST, actor, number))
                draw = rng.random()
                if draw < _DELETED:
                    table.append((at + 60_000 + int(rng.exponential(DAY_MS / 2)), _DELETION, actor, number))
                elif draw < _DELETED + _REVIEWED:
                    table.append((at + DAY_MS, _LABEL, actor, number))
        return sorted(table)

    def _event(self, rng: np.random.Generator, at: int, kind: int, actor: int, number: int) -> Event:
        when = _when(at)
        if kind == _FOLLOW:
            follower, followed = self.edges[actor]
            return Follow.model_construct(
                account_id=self.plans[follower].account_id, target_account_id=self.plans[followed].account_id, at=when
            )
        plan = self.plans[actor]
        post_id = f"{plan.account_id}-{number}"
        if kind == _DELETION:
            return Deletion.model_construct(post_id=post_id, account_id=plan.account_id, at=when)
        if kind == _LABEL:
            return self._reviewed(rng, plan.behind(number), post_id, when)
        return self._post(rng, plan, post_id, number, when)

    def _reviewed(self, rng: np.random.Generator, plan: AccountPlan, post_id: str, when: datetime) -> Label:
        """Return the verdict of a reviewer: correct in four of five cases, else undecided."""
        verdict: LabelVerdict = "not_a_violation" if plan.truth.genuine else "confirmed"
        if rng.random() > 0.8:
            verdict = "uncertain"
        return Label.model_construct(post_id=post_id, account_id=None, verdict=verdict, at=when, source="reviewers")

    def _post(self, rng: np.random.Generator, plan: AccountPlan, post_id: str, number: int, when: datetime) -> Post:
        text, by, figures = plan.texts[number], plan.behind(number), plan.figures
        place = by.places[int(rng.integers(len(by.places)))]
        second = by.second_manner if rng.random() < by.second_share else None
        device = by.device
        if by.devices and rng.random() < 0.5:
            device = by.devices[int(rng.integers(len(by.devices)))]
        return Post.model_construct(
            post_id=post_id,
            text=text,
            account_id=plan.account_id,
            created_at=when,
            lang="en",
            community=plan.communities[number],
            urls=(plan.links[number],) if plan.links[number] else None,
            client=Client.model_construct(
                ip=place.ip, device_id=device, network_kind=place.network if by.tells_network else None
            ),
            typing=typing_of(rng, second or by.manner, text),
            account=Account.model_construct(
                created_at=_when(plan.created_ms),
                followers=figures.followers,
                following=figures.following,
                posts=figures.posts + number,
                deleted_posts=figures.deleted_posts,
                listed=figures.listed,
                has_bio=figures.has_bio,
                has_avatar=figures.has_avatar,
            ),
        )


def build_platform(config: SimulationConfig, writers: WriterPool) -> Platform:
    """Draw the accounts and their follows; events are drawn when they are read."""
    rng = np.random.default_rng([config.seed, 1])
    campaign = round(config.accounts * config.campaign_share)
    unseen = round(campaign * config.unseen_share)
    genuine = config.accounts - campaign
    ids = [f"{config.name}-{number:06d}" for number in rng.permutation(config.accounts).tolist()]
    book = AddressBook(rng)
    horizon = Horizon(_start_ms(config), config.days, config.max_posts)
    plans = genuine_accounts(rng, PEOPLE[config.parameters], ids[:genuine], writers, book, horizon)
    groups: list[tuple[dict[str, Campaigns], int, int]] = [
        (dict(CAMPAIGNS[config.parameters]), genuine, config.accounts - unseen),
        (dict(UNSEEN), config.accounts - unseen, config.accounts),
    ]
    first_ring = 0
    for ranges, begin, end in groups:
        made = campaign_accounts(rng, ranges, config.planted, ids[begin:end], writers, book, horizon)
        for plan in made:
            if plan.ring is not None:
                plan.ring += first_ring
        first_ring = 1_000_000
        plans += made
    started = {plan.texts[0] for plan in plans}
    together = np.random.default_rng([config.seed, 3])
    add_ordinary_links(together, plans)
    add_crowds(together, [plan for plan in plans[:genuine] if plan.truth.kind != "classroom"], horizon)
    if "coordination" in config.planted:
        add_campaigns(together, plans[genuine:], JOINT[config.parameters], horizon)
    edges = follow_edges(rng, plans, max(1, genuine // CIRCLE_SIZE))
    hijacked = [plan for plan in plans if plan.hijacked]
    unused = writers.without_people(started)
    owners = genuine_accounts(
        rng, PEOPLE[config.parameters], [one.account_id for one in hijacked], unused, book, horizon
    )
    add_ordinary_links(together, owners)
    for plan, owner in zip(hijacked, owners, strict=True):
        plan.take_over(owner)
    return Platform(config, plans, edges)


def simulate(config: SimulationConfig, writers: WriterPool) -> Iterator[Event]:
    """Yield a platform's events in event-time order; the truth is in build_platform(config, writers).truth."""
    return build_platform(config, writers).events()


def _tied(events: list[Event]) -> list[Event]:
    """Return the events of one millisecond in the order in which the sidecar processes them."""
    return events if len(events) < 2 else sorted(events, key=lambda event: EventKey.of(event).as_tuple())


def _ms_of(event: Event) -> int:
    at = event.at_ms
    if at is None:
        raise ValueError("every simulated event has a time")
    return at


def _start_ms(config: SimulationConfig) -> int:
    return int(config.start.timestamp() * 1000)


def _when(at_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
