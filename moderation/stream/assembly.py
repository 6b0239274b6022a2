"""The parts that a sidecar is assembled from: its configuration, connectors, builders and callbacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from moderation.effects import Origin, Partition
from moderation.events.reading import RecordReader
from moderation.mapping import FieldMapping, Kind
from moderation.ports import Relay, Source, Store
from moderation.state import PlatformState
from moderation.stream.observing import NotObserved, Observer
from moderation.stream.ordering import Item
from moderation.stream.pipeline import Outcome, Pipeline
from moderation.stream.stages import StageTimes


@dataclass(frozen=True)
class LoopConfig:
    """The settings of the loop."""

    pipeline: str
    owner: str
    lease_ttl_s: float
    max_records: int
    max_bytes: int
    buffer_records: int
    buffer_bytes: int
    buffer_bytes_in_all: int
    stalled_ms: float
    state_directory: Path | None
    save_state_every_s: float
    on_recreated_topic: Literal["stop", "restart"] = "stop"
    on_lost_records: Literal["stop", "skip"] = "stop"
    standby: bool = False
    """Wait for the lease of a running sidecar instead of ending."""
    shared: bool = False
    """Share the partitions with the other sidecars of the pipeline."""
    follows: str = ""
    """Topic of follow events; empty: none."""


class Connectors(NamedTuple):
    """The source of records, the store of effects and the relay of dead letters."""

    source: Source
    store: Store
    relay: Relay


@dataclass(frozen=True)
class Builders:
    """Functions that build the state and the pipeline."""

    pipeline: Callable[[PlatformState], Pipeline]
    new_state: Callable[[], PlatformState]
    refreshed: Callable[[], bool] = lambda: False
    """Loads the models again where that was asked for; returns whether another pipeline is to be built."""


@dataclass(frozen=True)
class Callbacks:
    """What the loop calls: *on_step* with the name of each step, *on_batch* with each outcome, and the observer.

    The times of stages are added up in *stages*.
    """

    on_step: Callable[[str], None] = lambda _step: None
    on_batch: Callable[[Outcome], None] = lambda _outcome: None
    observer: Observer = field(default_factory=NotObserved)
    stages: StageTimes = field(default_factory=StageTimes)


@dataclass
class Decoder:
    """Converts records to items. The topic determines the kind, the ledger whether the record only rebuilds state."""

    kinds: dict[str, Kind | None]
    mapping: FieldMapping
    live_from: dict[Partition, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reader = RecordReader(self.mapping)

    def item(self, origin: Origin) -> Item:
        """Return the record as an item; one that cannot be decoded contains the reason."""
        silent = origin.offset < self.live_from.get(origin.partition, 0)
        return Item(origin, self._reader.read(origin, self.kinds.get(origin.partition.topic)), silent)

    def finish(self) -> None:
        """Warn about mapped fields without a value in any record."""
        self._reader.resolution.finish()
