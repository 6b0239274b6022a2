"""How the partitions of a pipeline are shared: in slots, each read and judged by one sidecar.

A slot has the partitions of one number of all topics, so that the posts of an account and their deletions are together.
Every sidecar reads the follow events of all partitions, because each keeps the complete graph.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from moderation.effects import Partition
from moderation.mapping import Kind

_KEYED = ("post", "deletion")


@dataclass(frozen=True)
class Assignment:
    """What one sidecar reads and judges."""

    owned: frozenset[Partition]
    """Partitions that are judged and committed here."""
    read: frozenset[Partition]
    """Those, and the partitions of follow events of other sidecars."""
    slots: Mapping[int, frozenset[Partition]]
    """Own slots with the partitions whose progress other sidecars wait for."""
    others: frozenset[int] = frozenset()
    """Slots of other sidecars."""

    @classmethod
    def of_all(cls, partitions: Collection[Partition]) -> Assignment:
        """Return the assignment of a sidecar that shares nothing."""
        everything = frozenset(partitions)
        return cls(everything, everything, {0: everything})


@dataclass(frozen=True)
class Slots:
    """The partitions of a pipeline, and how many slots they are shared in."""

    partitions: Sequence[Partition]
    kinds: Mapping[str, Kind | None]
    follows: str
    """Topic of follow events; empty: none."""

    @property
    def number(self) -> int:
        """The number of slots: that of the partitions with posts; 1 where the topics cannot be shared."""
        return 1 if self.why_not_shared is not None else max(self._sizes().values(), default=1)

    @property
    def why_not_shared(self) -> str | None:
        """Why the topics cannot be shared by several sidecars; None where they can."""
        if self.follows and self.kinds.get(self.follows, "follow") is None:
            return f"the topic {self.follows} has follow events and others; give follow events a topic of their own"
        sizes = self._sizes()
        if len(set(sizes.values())) > 1:
            found = ", ".join(f"{topic} has {size}" for topic, size in sorted(sizes.items()))
            return (
                f"topics with posts or deletions have different numbers of partitions: {found}; they need the same "
                "number, with records keyed by account"
            )
        return None

    def _sizes(self) -> dict[str, int]:
        """Return the number of partitions of each topic that has posts or deletions, or several kinds of event."""
        topics = [topic for topic, kind in self.kinds.items() if kind in (*_KEYED, None)]
        return {topic: sum(1 for p in self.partitions if p.topic == topic) for topic in topics}

    def of_follows(self) -> frozenset[Partition]:
        """Return the partitions that have follow events only."""
        return frozenset(p for p in self.partitions if self.kinds.get(p.topic) == "follow")

    def assignment(self, own: Collection[int], *, number: int) -> Assignment:
        """Return what a sidecar with these slots reads."""
        slot_of = {p: p.partition % number for p in self.partitions}
        owned = frozenset(p for p, slot in slot_of.items() if slot in own)
        follows = self.of_follows()
        slots = {
            slot: frozenset(p for p in owned if slot_of[p] == slot and self.kinds.get(p.topic) in (*_KEYED, None))
            for slot in own
        }
        return Assignment(owned, owned | follows, slots, frozenset(range(number)) - frozenset(own))


def fair_share(owner: str, members: Collection[str], slots: int) -> int:
    """Return how many slots a member should have; the shares of all members are all slots."""
    everyone = sorted({owner, *members})
    return slots // len(everyone) + (everyone.index(owner) < slots % len(everyone))
