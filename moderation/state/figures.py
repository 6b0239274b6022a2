"""Figures of the state for its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moderation.state.coverage import DAY_MS, GRAPH_EPOCH, HOUR_MS
from moderation.state.platform import PlatformState


@dataclass(frozen=True)
class StateFigures:
    """Sizes and gaps of the state."""

    entries: Mapping[str, int]
    """Number of keys in memory by kind; of follows, the number of follows."""
    evictions: int
    """Number of keys that were dropped from memory because a backend has them."""
    graph_age_ms: int | None
    """Event time since the end of the last epoch whose graph has figures; None before the first one."""
    degraded: frozenset[str]
    """Names of what is missing for posts of the moment."""


def figures_of(state: PlatformState) -> StateFigures:
    """Return the figures of a state. For the thread that changes the state."""
    watermark_ms, epoch = state.coverage.watermark_ms, state.epochs.newest_epoch
    age_ms = None
    if watermark_ms is not None and epoch >= 0:
        age_ms = max(0, watermark_ms - (epoch + 1) * 1000 * state.graph_epoch_s)
    return StateFigures(
        entries={
            "accounts": len(state.accounts),
            "addresses": len(state.addresses),
            "devices": len(state.devices),
            "scores": len(state.scores),
            "follows": len(state.follows),
        },
        evictions=0 if state.stored is None else state.stored.working.evicted,
        graph_age_ms=age_ms,
        degraded=_degraded(state),
    )


def _degraded(state: PlatformState) -> frozenset[str]:
    watermark_ms, since_ms = state.coverage.watermark_ms, state.coverage.degraded_since_ms
    names = {"graph"} if state.graph_lost else set()
    if watermark_ms is not None and state.epochs.missing(watermark_ms):
        names.add(GRAPH_EPOCH)
    if since_ms is not None:
        for name, window_ms in (("windows_1h", HOUR_MS), ("windows_24h", DAY_MS)):
            if watermark_ms is None or since_ms > watermark_ms - window_ms:
                names.add(name)
    return frozenset(names)
