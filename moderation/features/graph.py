"""Follow-graph features of an account."""

from __future__ import annotations

import math

from moderation.events import Post
from moderation.state import PlatformState


def graph_features(state: PlatformState, post: Post, at_ms: int, *, late: bool) -> tuple[dict[str, float], int | None]:
    """Return the graph features and the epoch of the closed graph that was read (None: none yet).

    Degrees and reciprocity are current; the others come from the graph closed two epochs before that of the post. Empty
    where the platform sends no follow events, or where past ones are lost, because zero would be a guess; empty for a
    late post, because current follows may be later than the post.
    """
    account = post.account_id
    if account is None or late or not state.follows.known or state.graph_lost:
        return {}, None
    following, followers = state.follows.following(account), state.follows.followers(account)
    found = {"graph_out_degree": float(len(following)), "graph_in_degree": float(len(followers))}
    if following:
        found["graph_reciprocity"] = len(following & followers) / len(following)
    closed = state.epochs.read(at_ms)
    if closed is None:
        return found, None
    figures = closed.figures(account)
    if figures is not None:
        for name, value in figures._asdict().items():
            if not math.isnan(value):
                found[f"graph_{name}"] = value
    return found, closed.epoch
