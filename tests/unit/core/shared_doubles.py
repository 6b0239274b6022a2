"""In-memory stand-ins for what the sidecars of a shared pipeline have in common: the state, the leases and the log."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence

from moderation.effects import Effects, Partition
from moderation.ports import Claim, Member, Shares
from moderation.state.backend import Marks, Place, RowKind
from tests.unit.core.doubles import MemoryLog, MemorySource, MemoryStore


class MemoryRows:
    """Rows and marks in dictionaries."""

    several = True

    def __init__(self) -> None:
        self.rows: dict[Place, bytes] = {}
        self.marks: dict[str, int] = {}

    def open(self, kinds: Sequence[RowKind], identity: str) -> None:
        return None

    def read(self, places: Sequence[tuple[Place, int]]) -> tuple[list[bytes], Marks]:
        return [self.rows.get(place, b"")[size:] for place, size in places], dict(self.marks)

    def write(self, rows: Mapping[Place, bytes], marks: Marks, least: Marks) -> list[int] | None:
        if any(self.marks.get(name, -1) < value for name, value in least.items()):
            return None
        for place, raw in rows.items():
            self.rows[place] = self.rows.get(place, b"") + raw
        for name, value in marks.items():
            assert value >= 0, f"{name} is {value}, and a mark is a number from 0 on"
            self.marks[name] = max(value, self.marks.get(name, 0))
        return [len(self.rows[place]) for place in rows]

    def clear(self) -> None:
        self.rows.clear()
        self.marks.clear()

    def check(self) -> str:
        return self.describe()

    def describe(self) -> str:
        return "rows in a dictionary"

    def close(self) -> None:
        return None


class SharedStore(MemoryStore):
    """The store with slots; leases expire only when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.members: set[str] = set()
        self.slots: dict[int, str] = {}
        self._lock = threading.RLock()

    def share(self, member: Member, ttl_s: float, wanted: Collection[int]) -> Shares:
        with self._lock:
            self.members.add(member.owner)
            for slot in wanted:
                self.slots.setdefault(slot, member.owner)
            return Shares(frozenset(self.members), dict(self.slots), self.lease)

    def release_slots(self, member: Member, slots: Collection[int] | None) -> None:
        with self._lock:
            if slots is None:
                self.members.discard(member.owner)
            self.slots = {
                slot: owner
                for slot, owner in self.slots.items()
                if owner != member.owner or (slots is not None and slot not in slots)
            }

    def claim(self, pipeline: str, owner: str, partitions: Sequence[Partition]) -> Claim:
        with self._lock:
            return super().claim(pipeline, owner, partitions)

    def commit(self, claim: Claim, effects: Effects) -> dict[str, int]:
        with self._lock:
            return super().commit(claim, effects)

    def died(self, owner: str) -> None:
        """Let the leases of an owner expire."""
        self.release_slots(Member("m", owner, 0), None)


class SharedSource(MemorySource):
    """Reads the partitions that are sought; it has no end."""

    ended = False  # type: ignore[assignment]

    def __init__(self, log: MemoryLog) -> None:
        super().__init__(log)
        self._all = log

    def seek(self, positions: Mapping[Partition, int]) -> None:
        super().seek(positions)
        self._log = MemoryLog({p: self._all.records[p] for p in positions}, self._all.first, self._all.hinted)

    def partitions(self) -> list[Partition]:
        return sorted(self._all.records)

    def bounds(self) -> dict[Partition, tuple[int, int]]:
        return {p: (self._all.first.get(p, 0), len(records)) for p, records in self._all.records.items()}
