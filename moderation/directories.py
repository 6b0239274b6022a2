"""Directories that are replaced in one step, and directories that one run uses at a time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from moderation.errors import InputError

_LOCK = ".lock"


def room_beside(out: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a temporary directory beside *out*, on its file system. Raises InputError where none can be made."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=out.resolve().parent, prefix=f".{out.name}-")
    except OSError as error:
        raise InputError(f"{out.parent} cannot be written ({error.strerror}); name another directory.") from error


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
def exclusive(place: Path) -> Iterator[None]:
    """Hold the lock of the directory *place*, which is made if need be, while the context lasts.

    A directory that was made and stays empty is removed. Raises InputError while another run holds the lock, and where
    there can be no directory or no lock.
    """
    made = not place.exists()
    lock = FileLock(place / _LOCK, timeout=0)
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise InputError(f"Another run is using {place}: wait until it ends, or name another directory.") from error
    except (OSError, NotImplementedError) as error:
        raise InputError(f"{place} cannot be used ({error}); name another directory.") from error
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):
            (place / _LOCK).unlink(missing_ok=True)
            if made:
                place.rmdir()


def _old(place: Path) -> Path:
    return place.with_name(f".{place.name}.old")
