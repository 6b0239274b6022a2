"""A directory that is whole or not there, and a directory or file on which nobody else works at the same time."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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
def worked_in_alone(place: Path) -> Iterator[None]:
    """Keep other runs out of the directory *place* for as long as this lasts, or until this process is gone.

    It is made if need be, and one that was made is not left behind empty. Raises InputError while another run is in it,
    and where there can be no directory or no lock.
    """
    made = not place.exists()
    opened = _locked(place / _LOCK, place)
    try:
        yield
    finally:
        (place / _LOCK).unlink(missing_ok=True)
        os.close(opened)
        if made:
            with suppress(OSError):
                place.rmdir()


@contextmanager
def written_alone(file: Path) -> Iterator[None]:
    """Keep other runs from writing *file* for as long as this lasts, or until this process is gone.

    The lock stands beside it, so that its folder holds other files of other runs. Raises InputError as
    `worked_in_alone` does.
    """
    lock = file.parent / f".{file.name}{_LOCK}"
    opened = _locked(lock, file)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(opened)


def _locked(lock: Path, place: Path) -> int:
    """The file *lock*, open and locked, on behalf of *place*."""
    import fcntl  # not on every system: what needs no lock runs there too

    while True:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            opened = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise InputError(f"{place} cannot hold a run ({error.strerror}); name another place.") from error
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have ended, and taken the file away, between opening and locking it.
            if lock.exists() and os.path.samestat(os.fstat(opened), lock.stat()):
                return opened
        except BlockingIOError as error:
            os.close(opened)
            raise InputError(f"Another run is at work in {place}: wait until it ends, or name another.") from error
        except OSError as error:
            os.close(opened)
            raise InputError(
                f"{place} is on a file system that cannot lock ({error.strerror}), so two runs could mix there; name a "
                "place elsewhere."
            ) from error
        os.close(opened)


def _old(place: Path) -> Path:
    return place.with_name(f".{place.name}.old")
