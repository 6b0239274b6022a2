"""Supplies the texts of simulated accounts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from moderation.errors import InputError


class TextSupplier(Protocol):
    """Human and machine texts by source. The source has the same distribution for both labels."""

    def sources(self) -> Mapping[str, float]:
        """Return each source that has both labels, with its probability."""

    def size(self, source: str, machine: bool) -> int:
        """Return the number of texts of one label and source; at least one."""

    def text(self, source: str, machine: bool, index: int) -> str:
        """Return one text; *index* begins at 0."""


class TextPool:
    """Texts in memory. A source with one label only is excluded, because it would reveal the label."""

    def __init__(self, texts: Iterable[tuple[str, bool, str]]) -> None:
        """Store *texts* as (source, machine, text), in a fixed order. Raises InputError if no source has both."""
        pool: dict[tuple[str, bool], list[str]] = defaultdict(list)
        for source, machine, text in texts:
            pool[source, machine].append(text)
        named = sorted({source for source, _ in pool})
        both = [source for source in named if pool.get((source, False)) and pool.get((source, True))]
        if not both:
            raise InputError(
                "No source of the texts has both labels: give human texts (label 0) and machine texts (label 1) "
                "of at least one source."
            )
        self._pool: dict[tuple[str, bool], Sequence[str]] = {
            (source, machine): tuple(pool[source, machine]) for source in both for machine in (False, True)
        }
        weight = {source: float(min(len(pool[source, False]), len(pool[source, True]))) ** 0.5 for source in both}
        self._sources = {source: weight[source] / sum(weight.values()) for source in both}

    def sources(self) -> Mapping[str, float]:
        """Return the probability of each source, proportional to the square root of its rarer label."""
        return self._sources

    def size(self, source: str, machine: bool) -> int:
        """Return the number of texts of one label and source."""
        return len(self._pool[source, machine])

    def text(self, source: str, machine: bool, index: int) -> str:
        """Return one text; *index* begins at 0."""
        return self._pool[source, machine][index]

    def all_texts(self) -> list[str]:
        """Return every text of the pool, to be scored in advance."""
        return [text for texts in self._pool.values() for text in texts]
