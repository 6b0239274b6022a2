"""Normalises the text of a post for scoring and comparison."""

from moderation.text.normalise import Normalised, normalise, normalised
from moderation.text.tampering import UNTOUCHED, Tampering

__all__ = ["UNTOUCHED", "Normalised", "Tampering", "normalise", "normalised"]
