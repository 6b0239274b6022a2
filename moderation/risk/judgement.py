"""What the risk model concludes about one post."""

from __future__ import annotations

from dataclasses import dataclass

from moderation.effects import FamilyEvidence


@dataclass(frozen=True)
class Judgement:
    """The risk, whether a person should look, and what each family said."""

    risk: float
    flagged: bool
    families: tuple[FamilyEvidence, ...]
    agreeing: tuple[str, ...]
    """Families with a p-value of at most the bundle's p_family."""
