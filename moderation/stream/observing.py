"""What the loop shows of itself, as data: the telemetry is behind the protocol `Observer`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from moderation.effects import Partition
from moderation.state.figures import StateFigures
from moderation.stream.ordering import Item
from moderation.stream.pipeline import Outcome


@dataclass(frozen=True)
class Batch:
    """A batch that was judged and, where it has effects, committed."""

    items: Sequence[Item]
    outcome: Outcome
    began_at: float
    """Seconds since 1970."""
    duration_s: float
    stages: Mapping[str, float]
    """Seconds by stage; decoding and ordering since the previous batch included."""


@dataclass(frozen=True)
class LoopView:
    """The state of the loop between two batches."""

    positions: Mapping[Partition, int]
    """The next record to judge of each partition."""
    ends: Mapping[Partition, int]
    """The known end of the log of each assigned partition; empty during a rebalance."""
    oldest_ms: int | None
    """Event time of the oldest event that waits to be judged; None without one."""
    stalled: Set[Partition]
    """Partitions that return nothing although their log continues."""
    state: StateFigures
    waiting: bool = False
    """Whether records were read that could be judged now: they wait for no other sidecar."""

    def lag(self) -> dict[Partition, int]:
        """Return the number of offsets of each assigned partition that are not judged."""
        return {p: max(0, end - self.positions.get(p, end)) for p, end in self.ends.items()}


class Observer(Protocol):
    """Is called by the thread of the loop; must be quick and raise nothing."""

    def batch(self, batch: Batch) -> None:
        """Take note of a batch."""

    def view(self, view: LoopView) -> None:
        """Take note of the loop, about once a second."""

    def outage(self) -> None:
        """Take note that a server does not answer, at each attempt."""

    def unassigned(self) -> None:
        """Take note that this sidecar waits for partitions, at each attempt."""


class NotObserved:
    """An observer that does nothing."""

    def batch(self, batch: Batch) -> None:
        """Do nothing."""

    def view(self, view: LoopView) -> None:
        """Do nothing."""

    def outage(self) -> None:
        """Do nothing."""

    def unassigned(self) -> None:
        """Do nothing."""
