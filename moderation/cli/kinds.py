"""The value of the option --kind."""

from __future__ import annotations

from moderation.errors import SettingsError
from moderation.mapping import KINDS, Kind


def kind_named(name: str | None) -> Kind | None:
    """Return the kind of event *name*, None for None. Raises SettingsError for an unknown kind."""
    found = next((kind for kind in KINDS if kind == name), None)
    if name is not None and found is None:
        raise SettingsError(f"--kind must be one of {', '.join(KINDS)}, got {name!r}")
    return found
