"""Checks of the paths that a command writes, made before the work begins."""

from __future__ import annotations

from pathlib import Path

from moderation.errors import InputError


def check_writable(path: Path) -> None:
    """Raise InputError unless the file *path* can be written."""
    target = path.resolve()  # the target of a link is written, not the link
    exists = target.exists()
    try:
        target.open("ab").close()
    except OSError as error:
        raise InputError(
            f"Cannot write {path} ({error.strerror}); name a file in an existing directory that you may write to."
        ) from error
    if not exists:
        target.unlink()


def check_apart(*paths: Path | None) -> None:
    """Raise InputError where two of *paths* are one file or directory: one would overwrite the other.

    None and devices such as /dev/null may occur more than once.
    """
    seen: set[Path] = set()
    for path in paths:
        if path is None or (path.exists() and not path.is_file() and not path.is_dir()):
            continue
        resolved = path.resolve()
        if resolved in seen:
            raise InputError(f"{path} is given twice; name different paths for what is read and what is written.")
        seen.add(resolved)


def check_replaceable(place: Path) -> None:
    """Raise InputError where *place* exists and is no directory."""
    if (place.exists() or place.is_symlink()) and not place.is_dir():
        raise InputError(f"{place} exists and is not a directory; name another one.")
