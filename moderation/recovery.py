"""Where to start reading: from a snapshot or the log, silently up to the ledger's position, live from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from moderation.effects import Partition
from moderation.errors import PositionError


@dataclass(frozen=True)
class StartPlan:
    """`read_from` is where each partition is read from; records before `live_from` only restore state."""

    read_from: Mapping[Partition, int]
    live_from: Mapping[Partition, int]
    use_snapshot: bool
    degraded: tuple[str, ...]
    """Why window features are missing until a window has filled; empty when the state is whole."""


def plan_start(
    *,
    ledger: Mapping[Partition, int | None],
    snapshot: Mapping[Partition, int] | None,
    bounds: Mapping[Partition, tuple[int, int]],
    on_lost_records: Literal["stop", "skip"],
) -> StartPlan:
    """Decide the start of each partition.

    `bounds` are the first offset still in the log and its end. Raises PositionError when the ledger points outside
    the log and the operator has not chosen to go on after the gap.
    """
    live_from: dict[Partition, int] = {}
    degraded: list[str] = []
    for partition, (first, end) in bounds.items():
        known = ledger.get(partition)
        live_from[partition] = first if known is None else known
        if known is not None and not first <= known <= end:
            live_from[partition] = _beyond(partition, known, first, end, on_lost_records)
            degraded.append(f"{partition.topic}/{partition.partition}: offsets {known} to {first} are gone")
    usable = snapshot is not None and all(
        bounds[partition][0] <= snapshot.get(partition, -1) <= live_from[partition] for partition in bounds
    )
    if snapshot is not None and usable:
        return StartPlan({p: snapshot[p] for p in bounds}, live_from, use_snapshot=True, degraded=tuple(degraded))
    for partition, (first, _) in bounds.items():
        if first > 0:
            degraded.append(f"{partition.topic}/{partition.partition}: the log begins at offset {first}")
    read_from = {partition: first for partition, (first, _) in bounds.items()}
    return StartPlan(read_from, live_from, use_snapshot=False, degraded=tuple(degraded))


def _beyond(partition: Partition, known: int, first: int, end: int, on_lost_records: Literal["stop", "skip"]) -> int:
    place = f"partition {partition.partition} of topic {partition.topic}"
    if known > end:
        raise PositionError(
            f"the ledger is at offset {known} of {place}, but the log ends at {end}: the log was cut or replaced. "
            "Find out why before going on; to start over, use another pipeline name."
        )
    if on_lost_records == "stop":
        raise PositionError(
            f"{place} begins at offset {first}, the ledger is at {known}: {first - known} records expired unread. "
            'Set kafka.on_lost_records = "skip" to go on after the gap.'
        )
    return first
