"""The room where a post's text is brought into the one form that is scored and compared."""

from moderation.text.normalise import normalise

__all__ = ["normalise"]
