"""The room where a post's text is brought into the one form that is scored and compared."""

from moderation.text.normalise import Normalised, normalise, normalised
from moderation.text.tampering import UNTOUCHED, Tampering

__all__ = ["UNTOUCHED", "Normalised", "Tampering", "normalise", "normalised"]
