"""A directory that is whole or not there: the old one leaves only when the new one stands in its place."""

from __future__ import annotations

import shutil
from pathlib import Path

from moderation.errors import InputError


def check_replaceable(place: Path) -> None:
    """Raise InputError where *place* is there and no directory, or a link to nothing."""
    if (place.exists() or place.is_symlink()) and not place.is_dir():
        raise InputError(f"{place} is there and is no directory; name another one.")


def replace_directory(fresh: Path, place: Path) -> None:
    """Put *fresh*, on the same file system, in the place of *place*; where that is a link, of what it leads to.

    Killed in between, it leaves the old one beside *place*, from where `restore_directory` brings it back.
    """
    place = place.resolve()
    old = _old(place)
    if place.exists():
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
    fresh.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def restore_directory(place: Path) -> None:
    """Bring back what `replace_directory` had put aside, where it was killed before the new one stood there."""
    place = place.resolve()
    if not place.exists() and _old(place).is_dir():
        _old(place).rename(place)


def _old(place: Path) -> Path:
    return place.with_name(f".{place.name}.old")
