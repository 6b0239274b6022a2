"""The bundles that come with the package: where they lie, and the names that stand for them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

_PAIR = Path(str(resources.files("moderation"))) / "bundles" / "minilm-and-smollm2"

SHIPPED: Mapping[str, Path] = {"fast": _PAIR / "detector", "thorough": _PAIR}
"""Names for `load_detector`, the setting `detector` and every option that takes a detector bundle."""


def shipped_detector() -> Path:
    """Return the directory of the detector that asks no companion, ``fast``."""
    return SHIPPED["fast"]


def shipped_companion() -> Path:
    """Return the directory of the companion, which ``thorough`` asks besides."""
    return _PAIR / "companion"


def directory_of(bundle: Path | str | None) -> Path:
    """Return where *bundle* lies: a name in SHIPPED, else a directory; the fast detector by default.

    A directory of such a name is given with a path before it, as in ``./fast``.
    """
    return shipped_detector() if bundle is None else SHIPPED.get(str(bundle), Path(bundle))
