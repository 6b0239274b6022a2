"""The protocol of state backends: rows of numbers under a key, read and written once per batch.

A row is a tuple of 64-bit numbers. The rows of a key are a set: a row that is added twice is there once. They are kept
by buckets of event time that are as long as the kept time, so that the rows of a window are in two buckets and old
ones are dropped together. Marks are named numbers from 0 on that only grow: positions, and event times that were
reached.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from struct import Struct
from typing import NamedTuple, Protocol

from moderation.effects import Partition

Marks = Mapping[str, int]
_POSITION = "position:"
WATERMARK = "watermark"
DEGRADED = "degraded"


class RowKind(NamedTuple):
    """A kind of row, such as the posts of an account."""

    name: str
    width: int
    """Numbers in a row; the first one orders the rows of a key."""
    kept_ms: int
    """How long rows are kept, in event time; also the length of a bucket."""
    shared: bool
    """Whether events of several partitions add rows under one key, so that another sidecar can have added some."""

    @property
    def packing(self) -> Struct:
        """How a row is written: big-endian, so that bytes are in the order of their numbers."""
        return Struct(f">{self.width}Q")


class Place(NamedTuple):
    """Where rows are: a kind, a bucket of time and a key."""

    kind: str
    bucket: int
    key: int


class StateBackend(Protocol):
    """Rows and marks outside the memory of the sidecar. Every call may raise ConnectionLost."""

    several: bool
    """Whether several sidecars can use it at the same time."""

    def open(self, kinds: Sequence[RowKind], identity: str) -> None:
        """Open the rows of these kinds.

        Rows that were written with another *identity*, such as other address keys, are not used.
        """

    def read(self, places: Sequence[tuple[Place, int]]) -> tuple[list[bytes], Marks]:
        """Return the packed rows of each place from a number of bytes on, and all marks. One round trip."""

    def write(self, rows: Mapping[Place, bytes], marks: Marks, least: Marks) -> list[int] | None:
        """Add packed rows, then raise the marks. One round trip.

        Returns the size of each place afterwards, where a backend of several sidecars has one. Returns None, with
        nothing written, where a mark is missing or less than in *least*, because rows were lost.
        """

    def clear(self) -> None:
        """Remove all rows and marks."""

    def erase(self, account: int) -> int:
        """Remove an account from rows that no sidecar uses now; return how many rows or keys were removed."""

    def check(self) -> str:
        """Return what was found, for `moderation check`, without changing anything. Raises ModerationError."""

    def describe(self) -> str:
        """Return what it is and where, for messages."""

    def close(self) -> None:
        """Release all resources. Safe to call twice."""


def positions_in(marks: Marks) -> dict[Partition, int]:
    """Return the positions among marks."""
    named = ((name.removeprefix(_POSITION), at) for name, at in marks.items() if name.startswith(_POSITION))
    return {Partition(*json.loads(name)): at for name, at in named}


def as_marks(positions: Mapping[Partition, int]) -> dict[str, int]:
    """Return positions as marks."""
    return {_POSITION + json.dumps(list(vars(partition).values())): at for partition, at in positions.items()}
