"""The error for values that a person or a program sent and that can be corrected."""

from __future__ import annotations

from moderation.errors import SettingsError


class InvalidValue(SettingsError):
    """A value of a request or an option is not permitted; the message says which values are."""
