"""The room of the zero-shot companion: a language model that was trained on no label tells how expected a text is."""

from moderation.detector.companion.companion import (
    Companion,
    CompanionScore,
    TokenExpectation,
    load_companion,
)
from moderation.detector.companion.statistics import FEATURES, MISSING, ZeroShotFeatures
from moderation.detector.shipped import shipped_companion

__all__ = [
    "FEATURES",
    "MISSING",
    "Companion",
    "CompanionScore",
    "TokenExpectation",
    "ZeroShotFeatures",
    "load_companion",
    "shipped_companion",
]
