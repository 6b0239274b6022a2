"""Draws the follow graph: communities, popular accounts, fan clusters and campaign rings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from moderation.lab.simulation.account_plan import AccountPlan

_WITHIN_CIRCLE = 0.6
_FOLLOWED_BACK = 0.35
_POPULARITY = 0.9  # exponent of a Zipf law over accounts


def follow_edges(rng: np.random.Generator, plans: Sequence[AccountPlan], circles: int) -> list[tuple[int, int]]:
    """Return (follower, followed) as indices into *plans*, without repeats, in the order they begin.

    Most follows lie in the account's community, the others are drawn by popularity; a third is mutual. An account
    whose `followed` is false is followed by its ring only. Members of a ring follow each other with the ring's density.
    """
    members: dict[int, list[int]] = defaultdict(list)
    rings: dict[int, list[int]] = defaultdict(list)
    for index, plan in enumerate(plans):
        if plan.followed:
            members[plan.circle % circles].append(index)
        if plan.ring is not None:
            rings[plan.ring].append(index)
    reachable = [index for index, plan in enumerate(plans) if plan.followed]
    weight = rng.permutation(np.arange(1, len(reachable) + 1) ** -_POPULARITY)
    known = np.cumsum(weight / weight.sum())
    edges: dict[tuple[int, int], None] = {}
    if not reachable:
        known = np.ones(1)
        reachable = [0]
    for index, plan in enumerate(plans):
        near = members[plan.circle % circles]
        inside = rng.random(plan.follows) < _WITHIN_CIRCLE
        draws = rng.random(plan.follows)
        for close, draw in zip(inside.tolist(), draws.tolist(), strict=True):
            if close and near:
                target = near[int(draw * len(near))]
            else:
                target = reachable[min(int(np.searchsorted(known, draw)), len(reachable) - 1)]
            if target != index:
                edges[index, target] = None
                if close and plan.followed and rng.random() < _FOLLOWED_BACK:
                    edges[target, index] = None
    for ring in sorted(rings):
        for follower in rings[ring]:
            for followed in rings[ring]:
                if follower != followed and rng.random() < plans[follower].ring_density:
                    edges[follower, followed] = None
    return list(edges)
