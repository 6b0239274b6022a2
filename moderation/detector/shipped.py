"""The detector bundle that comes with the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from moderation.errors import SettingsError

SHIPPED = Path(str(resources.files("moderation"))) / "bundles" / "detector-minilm"
"""The default bundle."""

_REMOVED_NAMES = ("fast", "thorough")


def bundle_directory(bundle: Path | str | None) -> Path:
    """Return the directory of *bundle*, or of the shipped one for None.

    Raises SettingsError for the names of the detectors of version 0.1.
    """
    if bundle is None:
        return SHIPPED
    if str(bundle) in _REMOVED_NAMES and not Path(bundle).is_dir():
        raise SettingsError(
            f"The detector {str(bundle)!r} of version 0.1 was removed. Leave `detector` unset to use the shipped "
            "detector, or set it to the directory of a detector bundle."
        )
    return Path(bundle)
