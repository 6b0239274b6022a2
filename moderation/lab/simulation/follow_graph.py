"""Draws the follow graph: communities, popular accounts, fan clusters and campaign rings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations, permutations

import numpy as np

from moderation.lab.simulation.account_plan import AccountPlan

_WITHIN_CIRCLE = 0.6
FOLLOWED_BACK = 0.35
_POPULARITY = 0.9  # exponent of a Zipf law over accounts
_EAGERNESS = 0.7
"""Spread, of the logarithm, of how much more the accounts of one community follow than those of another."""
_MOST_EAGER = 4.0
_WITH_FRIENDS = 0.6
"""Share of the accounts with an ordinary audience that belong to a group of friends who follow each other."""
_FRIENDS = (2, 7)
_FRIENDS_DENSITY = (0.6, 1.0)


def follow_edges(rng: np.random.Generator, plans: Sequence[AccountPlan], circles: int) -> list[tuple[int, int]]:
    """Return (follower, followed) as indices into *plans*, without repeats, in the order they begin.

    Most follows lie in the account's community, the others are drawn by popularity; a third is mutual. Many accounts
    are in a small group of friends, and many have few other neighbours, as in real graphs. An account whose `followed`
    is false is followed by its ring only. Members of a ring follow each other with the ring's density.
    """
    members: dict[int, list[int]] = defaultdict(list)
    rings: dict[int, list[int]] = defaultdict(list)
    for index, plan in enumerate(plans):
        if plan.followed:
            members[plan.circle % circles].append(index)
        if plan.ring is not None:
            rings[plan.ring].append(index)
    for near in members.values():
        rng.shuffle(near)  # the first ones of a community are followed most
    edges: dict[tuple[int, int], None] = {}
    _add_ordinary_follows(rng, plans, circles, members, edges)
    for friends in _groups_of_friends(rng, members):
        density = rng.uniform(*_FRIENDS_DENSITY)
        for one, other in combinations(friends, 2):
            if rng.random() < density:
                edges[one, other] = None
                edges[other, one] = None
    for ring in sorted(rings):
        for follower, followed in permutations(rings[ring], 2):
            if rng.random() < plans[follower].ring_density:
                edges[follower, followed] = None
    return list(edges)


def _add_ordinary_follows(
    rng: np.random.Generator,
    plans: Sequence[AccountPlan],
    circles: int,
    members: dict[int, list[int]],
    edges: dict[tuple[int, int], None],
) -> None:
    """Add the follows of each account within its community and by popularity."""
    reachable = [index for index, plan in enumerate(plans) if plan.followed] or [0]
    weight = rng.permutation(np.arange(1, len(reachable) + 1) ** -_POPULARITY)
    known = np.cumsum(weight / weight.sum())
    eager = np.minimum(_MOST_EAGER, rng.lognormal(0.0, _EAGERNESS, circles)).tolist()
    for index, plan in enumerate(plans):
        near = members[plan.circle % circles]
        follows = round(plan.follows * eager[plan.circle % circles])
        inside = rng.random(follows) < _WITHIN_CIRCLE
        for close, draw in zip(inside.tolist(), rng.random(follows).tolist(), strict=True):
            if close and near:
                target = near[int(draw**3 * len(near))]
            else:
                target = reachable[min(int(np.searchsorted(known, draw)), len(reachable) - 1)]
            if target != index:
                edges[index, target] = None
                if close and plan.followed and rng.random() < FOLLOWED_BACK:
                    edges[target, index] = None


def _groups_of_friends(rng: np.random.Generator, members: dict[int, list[int]]) -> list[list[int]]:
    """Return groups of members of one community; an account is in at most one."""
    groups = []
    for circle in sorted(members):
        some = [index for index in rng.permutation(members[circle]).tolist() if rng.random() < _WITH_FRIENDS]
        while len(some) >= _FRIENDS[0]:
            size = int(rng.integers(_FRIENDS[0], _FRIENDS[1] + 1))
            groups.append(some[:size])
            some = some[size:]
    return groups
