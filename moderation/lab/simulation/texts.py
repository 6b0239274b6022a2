"""Where simulated accounts take their texts from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from moderation.errors import InputError


class TextSupplier(Protocol):
    """Texts of people and of machines by source. Both sides draw their source from the same distribution."""

    def sources(self) -> Mapping[str, float]:
        """Each source that has both sides, with its probability."""

    def size(self, source: str, machine: bool) -> int:
        """How many texts one side of a source has; at least one."""

    def text(self, source: str, machine: bool, index: int) -> str:
        """One text, index from 0."""


class TextPool:
    """Texts held in memory. A source without one of the sides is left out: it would betray the label."""

    def __init__(self, texts: Iterable[tuple[str, bool, str]]) -> None:
        """Take (source, machine, text) in an order that does not vary. Raises InputError when no source has both."""
        pool: dict[tuple[str, bool], list[str]] = defaultdict(list)
        for source, machine, text in texts:
            pool[source, machine].append(text)
        named = sorted({source for source, _ in pool})
        both = [source for source in named if pool.get((source, False)) and pool.get((source, True))]
        if not both:
            raise InputError(
                "The texts have no source with both sides: give texts of people (label 0) and machines (label 1) "
                "from at least one source."
            )
        self._pool: dict[tuple[str, bool], Sequence[str]] = {
            (source, machine): tuple(pool[source, machine]) for source in both for machine in (False, True)
        }
        weight = {source: float(min(len(pool[source, False]), len(pool[source, True]))) ** 0.5 for source in both}
        self._sources = {source: weight[source] / sum(weight.values()) for source in both}

    def sources(self) -> Mapping[str, float]:
        """Probability of each source: as the square root of its smaller side, so that no source rules."""
        return self._sources

    def size(self, source: str, machine: bool) -> int:
        """How many texts one side of a source has."""
        return len(self._pool[source, machine])

    def text(self, source: str, machine: bool, index: int) -> str:
        """One text, index from 0."""
        return self._pool[source, machine][index]

    def all_texts(self) -> list[str]:
        """Every text of the pool, to be scored in advance."""
        return [text for texts in self._pool.values() for text in texts]
