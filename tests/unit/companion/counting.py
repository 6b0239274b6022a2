"""A companion that counts what it is asked, to prove that kept figures are not computed again."""

from __future__ import annotations

from collections.abc import Sequence

from moderation.detector.companion import Companion, CompanionScore


class CountingCompanion:
    """Scores as *companion* does, and counts the texts."""

    def __init__(self, companion: Companion) -> None:
        self._companion = companion
        self.manifest_hash = companion.manifest_hash
        self.asked = 0

    def score(self, texts: Sequence[str]) -> list[CompanionScore]:
        self.asked += len(texts)
        return self._companion.score(texts)
