"""The result of the risk model for one post."""

from __future__ import annotations

from dataclasses import dataclass

from moderation.effects import FamilyEvidence


@dataclass(frozen=True)
class Judgement:
    """The risk, whether the gate opens, and the result of each family."""

    risk: float
    flagged: bool
    families: tuple[FamilyEvidence, ...]
    agreeing: tuple[str, ...]
    """Families with a p-value of at most the bundle's p_family."""
