"""A directory that is whole or not there, and one in which nobody else works at the same time."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


@contextmanager
def worked_in_alone(place: Path) -> Iterator[None]:
    """Keep other runs out of the directory *place* for as long as this lasts, or until this process is gone.

    It is made if need be, and not left behind empty. Raises InputError while another run is in it, and where there can
    be no directory.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
        # The directory itself is locked, so no file is left in it that could outlive its run.
        opened = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InputError(f"{place} cannot hold a run ({error.strerror}); name another directory.") from error
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(f"Another run is at work in {place}: wait until it ends, or name another.") from error
        try:
            yield
        finally:
            with suppress(OSError):
                place.rmdir()
    finally:
        os.close(opened)


def _old(place: Path) -> Path:
    return place.with_name(f".{place.name}.old")
