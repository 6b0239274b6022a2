"""The room where a post's text is brought into the one form that is scored and compared."""

from moderation.text.normalise import Normalised, normalise, normalised
from moderation.text.tampering import Tampering

__all__ = ["Normalised", "Tampering", "normalise", "normalised"]
