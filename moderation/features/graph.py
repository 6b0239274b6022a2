"""Follow-graph features of an account."""

from __future__ import annotations

import math

from moderation.features.window import Reading


def graph_features(reading: Reading) -> tuple[dict[str, float], int | None]:
    """Return the graph features and the epoch of the closed graph that was read (None: none yet).

    Degrees and reciprocity are those at the end of the last full minute; the others come from the graph closed two
    epochs before that of the post. Empty where the platform sends no follow events, where the operator has not said
    that they are complete, or where some are lost, because zero would be a guess. Figures of closed graphs that come
    from files do not depend on that.
    """
    state, at_ms = reading.state, reading.at_ms
    known = reading.follows_begun and reading.follows_known
    if not known and state.epochs.files is None:
        return {}, None
    found: dict[str, float] = {}
    if known and reading.missing_others is None:
        degrees = state.follows.degrees(reading.account, reading.full_minute)
        found = {"graph_out_degree": float(degrees.following), "graph_in_degree": float(degrees.followers)}
        if degrees.following:
            found["graph_reciprocity"] = degrees.mutual / degrees.following
    closed = state.epochs.read(at_ms)
    if closed is None:
        return found, None
    figures = closed.figures(reading.account)
    if figures is not None:
        for name, value in figures._asdict().items():
            if not math.isnan(value):
                found[f"graph_{name}"] = value
    return found, closed.epoch
