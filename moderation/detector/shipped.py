"""The bundles that come with the package: where they lie, and the names that stand for them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from moderation.errors import BundleError

_PAIR = Path(str(resources.files("moderation"))) / "bundles" / "minilm-and-smollm2"

SHIPPED: Mapping[str, Path] = {"thorough": _PAIR, "fast": _PAIR / "detector"}
"""Names for `load_detector`, the setting `detector` and every option that takes a detector bundle."""

DEFAULT = "thorough"
"""The one that runs where none is named (decision 0613)."""


def shipped_detector() -> Path:
    """Return the directory of the detector that asks no companion, ``fast``."""
    return SHIPPED["fast"]


def shipped_companion() -> Path:
    """Return the directory of the companion, which ``thorough`` asks besides."""
    return _PAIR / "companion"


def directory_of(bundle: Path | str | None) -> Path:
    """Return where *bundle* lies: a name in SHIPPED, else a directory; DEFAULT where none is given.

    Raises BundleError for a name that is also a directory here: nobody could tell which of the two was meant.
    """
    if bundle is None:
        return SHIPPED[DEFAULT]
    named = SHIPPED.get(str(bundle))
    if named is not None and Path(bundle).is_dir():
        raise BundleError(
            f"{bundle} is a detector that ships and also a folder here: give the folder's whole path, or rename it."
        )
    return named or Path(bundle)
