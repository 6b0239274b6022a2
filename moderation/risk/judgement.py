"""The result of the risk model for posts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload

from moderation.effects import FamilyEvidence


@dataclass(frozen=True)
class Judgement:
    """The risk, whether the gate opens, and the result of each family."""

    risk: float
    flagged: bool
    families: tuple[FamilyEvidence, ...]
    agreeing: tuple[str, ...]
    """Families with a p-value of at most the bundle's p_family."""


@dataclass(frozen=True)
class Judgements(Sequence[Judgement]):
    """The judgements of a batch: which posts are flagged, and each judgement when it is read."""

    flagged: Sequence[bool]
    judgement: Callable[[int], Judgement]
    """Returns the judgement of the post with this number."""

    def __len__(self) -> int:
        return len(self.flagged)

    @overload
    def __getitem__(self, number: int) -> Judgement: ...

    @overload
    def __getitem__(self, number: slice) -> list[Judgement]: ...

    def __getitem__(self, number: int | slice) -> Judgement | list[Judgement]:
        """Return one judgement or several."""
        if isinstance(number, slice):
            return [self.judgement(place) for place in range(len(self))[number]]
        return self.judgement(range(len(self))[number])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # compared by content
