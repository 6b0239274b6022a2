"""The part of the state that is in memory while the rest is in a backend: the keys of recent batches."""

from __future__ import annotations

import sys
from array import array
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from moderation.errors import StateLost
from moderation.state.backend import Marks, Place, RowKind, StateBackend

MOST_KEYS = 100_000
"""Default number of keys of each kind that stay in memory."""

_Sizes = tuple[int, ...]
"""Buckets with the bytes that were read of each; a dictionary would take three times the memory."""
_BUCKETS_KNOWN = 4
Wanted = Mapping[str, Collection[tuple[int, int]]]
"""By kind: keys, and for each the time in milliseconds of the event that needs it."""


class Container(NamedTuple):
    """Where the rows of a kind are in memory."""

    kind: RowKind
    add: Callable[[int, array[int]], None]
    """Adds ordered rows of a key, one flat array; rows that are there already have no effect."""
    forget: Callable[[int], None]
    """Drops the rows of a key."""


class WorkingSet:
    """Loads the rows of a batch into containers before it is applied, and writes the rows that it added.

    At most `most_keys` keys of each kind stay in memory, those of the latest batches. What this process added or read
    stays valid; of kinds that other sidecars add to, it reads only what is new.
    """

    def __init__(self, backend: StateBackend, containers: Collection[Container], most_keys: int = MOST_KEYS) -> None:
        self.backend = backend
        self._most_keys = most_keys
        self._containers = {container.kind.name: container for container in containers}
        self._packing = {container.kind.name: container.kind.packing for container in containers}
        self._sizes: dict[str, OrderedDict[int, _Sizes]] = {name: OrderedDict() for name in self._containers}
        """By kind and key: the bytes that were read of each bucket."""
        self._added: dict[Place, bytearray] = {}
        self.marks: Marks = {}
        """The marks of the last read."""
        self.evicted = 0
        """Number of keys that were dropped from memory for others."""
        self._least: dict[str, int] = {}
        """Marks that were read or written; as marks only grow, lesser ones show a loss."""

    def load(self, wanted: Wanted) -> None:
        """Load the rows of keys as of the times of their events, in one round trip.

        Raises StateLost where marks are gone: the server was emptied, or restarted from an older copy.
        """
        places = [entry for name, keys in wanted.items() for entry in self._missing(name, keys)]
        found, self.marks = self.backend.read(places)
        if any(self.marks.get(name, -1) < value for name, value in self._least.items()):
            raise self._lost()
        self._least.update(self.marks)
        for (place, size), raw in zip(places, found, strict=True):
            known = self._sizes[place.kind]
            known[place.key] = _with_size(known[place.key], place.bucket, size + len(raw))
            if raw:
                container = self._containers[place.kind]
                container.add(place.key, _ordered(raw, 8 * container.kind.width))

    def _missing(self, name: str, keys: Collection[tuple[int, int]]) -> list[tuple[Place, int]]:
        """Return the places of a kind to read, with the bytes that were read before; drop the least recent keys."""
        kind, known = self._containers[name].kind, self._sizes[name]
        refreshed, kept_ms = kind.shared and self.backend.several, kind.kept_ms
        places: dict[Place, int] = {}
        buckets: dict[int, tuple[int, int]] = {}
        """The same objects for all keys, because they stay in the sizes."""
        for key, newest in {(key, at_ms // kept_ms) for key, at_ms in keys}:
            sizes = known.setdefault(key, ())
            known.move_to_end(key)
            for bucket in buckets.setdefault(newest, (newest - 1, newest)):
                size = _size(sizes, bucket)
                if refreshed or size is None:
                    # Only a successful read records a size, because a failed one is repeated.
                    places[Place(name, bucket, key)] = size or 0
        for _ in range(len(known) - max(self._most_keys, len(keys))):
            key, _ = known.popitem(last=False)
            self._containers[name].forget(key)
            self.evicted += 1
        return list(places.items())

    def add(self, name: str, key: int, at_ms: int, row: tuple[int, ...]) -> bool:
        """Record a row that was added to a container; return whether it is the first of its place to write."""
        place = Place(name, at_ms // self._containers[name].kind.kept_ms, key)
        added = self._added.get(place)
        if added is not None:
            added += self._packing[name].pack(*row)
            return False
        self._added[place] = bytearray(self._packing[name].pack(*row))
        return True

    def write(self, marks: Marks) -> None:
        """Write the added rows and the marks, in one round trip; after an error the same rows are written again.

        Raises StateLost as `load` does.
        """
        rows = {place: bytes(added) for place, added in self._added.items()}
        written = self.backend.write(rows, marks, self._least)
        if written is None:
            raise self._lost()
        for (place, raw), size in zip(rows.items(), written, strict=False):
            known = self._sizes[place.kind]
            sizes = known.get(place.key, ())
            if _size(sizes, place.bucket) == size - len(raw):
                known[place.key] = _with_size(sizes, place.bucket, size)
        self._added.clear()
        for name, value in marks.items():
            self._least[name] = max(value, self._least.get(name, 0))

    def _lost(self) -> StateLost:
        return StateLost(f"{self.backend.describe()} lost what was written")

    def forget(self) -> None:
        """Drop all keys from memory, and the rows that were not written; a loss is still noticed."""
        for name, known in self._sizes.items():
            for key in known:
                self._containers[name].forget(key)
            known.clear()
        self._added.clear()

    def clear(self) -> None:
        """Remove all rows and marks from the backend, and all keys from memory."""
        self.backend.clear()
        self.forget()
        self._least.clear()


def _size(sizes: _Sizes, bucket: int) -> int | None:
    """Return the size of a bucket; None where it is unknown."""
    for place in range(0, len(sizes), 2):
        if sizes[place] == bucket:
            return sizes[place + 1]
    return None


def _with_size(sizes: _Sizes, bucket: int, size: int) -> _Sizes:
    """Return sizes with that of a bucket. Of four others the first is dropped, and read again if it is needed."""
    for place in range(0, len(sizes), 2):
        if sizes[place] == bucket:
            return (*sizes[: place + 1], size, *sizes[place + 2 :])
    return (*(sizes[-2 * (_BUCKETS_KNOWN - 1) :]), bucket, size)


def _ordered(raw: bytes, size: int) -> array[int]:
    """Return packed rows in order, each once."""
    if len(raw) > size:
        raw = b"".join(sorted({raw[place : place + size] for place in range(0, len(raw), size)}))
    rows = array("Q", raw)
    if sys.byteorder == "little":
        rows.byteswap()
    return rows
