"""Plans where to start reading: from a saved state or the log, silent up to the position of the ledger, then live."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Literal

from moderation.effects import Partition
from moderation.errors import PositionError


@dataclass(frozen=True)
class StartPlan:
    """`read_from` is the start of each partition; records before `live_from` only restore state."""

    read_from: Mapping[Partition, int]
    live_from: Mapping[Partition, int]
    use_saved: bool
    gaps: Mapping[Partition, str]
    """Partitions with lost records, each with the reason; empty when the state is complete."""

    def to_rebuild(self, bounds: Mapping[Partition, tuple[int, int]]) -> int:
        """Return how many offsets of the log only restore state."""
        return sum(max(0, min(self.live_from[p], bounds[p][1]) - offset) for p, offset in self.read_from.items())


def plan_start(
    *,
    ledger: Mapping[Partition, int | None],
    saved: Mapping[Partition, int] | None,
    bounds: Mapping[Partition, tuple[int, int]],
    on_lost_records: Literal["stop", "skip"],
    recreated: Set[Partition] = frozenset(),
) -> StartPlan:
    """Decide the start of each partition.

    `bounds` are the first offset still in the log and its end; `recreated` are partitions of recreated topics. A
    partition without a position in the ledger is read from its first record, unless the saved state shows that earlier
    records have expired. Raises PositionError when the ledger points outside the log and *on_lost_records* is "stop".
    """
    live_from: dict[Partition, int] = {}
    gaps = dict.fromkeys(recreated, "the topic was recreated")
    for partition, (first, end) in bounds.items():
        known = ledger.get(partition)
        if known is None and saved is not None and saved.get(partition, first) < first:
            known = saved[partition]
        live_from[partition] = first if known is None else known
        if known is not None and not first <= known <= end:
            live_from[partition] = _beyond(partition, known, first, end, on_lost_records)
            gaps[partition] = f"offsets {known} to {first} are gone"
    begin = {partition: first for partition, (first, _) in bounds.items()}
    if saved is not None and _usable(saved, begin, live_from):
        read_from = {partition: saved.get(partition, first) for partition, first in begin.items()}
        new = {partition for partition in begin if partition not in saved}
        return StartPlan(read_from, live_from, use_saved=True, gaps=gaps | _trimmed(begin, new))
    return StartPlan(begin, live_from, use_saved=False, gaps=_trimmed(begin, set(begin)) | gaps)


def _usable(
    saved: Mapping[Partition, int],
    begin: Mapping[Partition, int],
    live_from: Mapping[Partition, int],
) -> bool:
    """Return whether the log continues the saved state.

    The log of each partition of the saved state must begin at or before its position; the other partitions have no
    committed record, so that each is read from its first record.
    """
    return all(
        first <= saved[partition] <= live_from[partition] if partition in saved else live_from[partition] == first
        for partition, first in begin.items()
    )


def _trimmed(begin: Mapping[Partition, int], partitions: Set[Partition]) -> dict[Partition, str]:
    return {
        partition: f"the log begins at offset {begin[partition]}"
        for partition in sorted(partitions)
        if begin[partition] > 0
    }


def _beyond(partition: Partition, known: int, first: int, end: int, on_lost_records: Literal["stop", "skip"]) -> int:
    place = f"partition {partition.partition} of topic {partition.topic}"
    if known > end:
        raise PositionError(
            f"the ledger is at offset {known} of {place}, but the log ends at {end}: the log was cut or replaced. "
            "Find the cause first; to start over, use another pipeline name."
        )
    if on_lost_records == "stop":
        raise PositionError(
            f"{place} begins at offset {first}, but was read up to {known}: {first - known} records expired unread. "
            'Set kafka.on_lost_records = "skip" to continue after the gap.'
        )
    return first
