"""Where the outcome of long work is to stand, looked at before the work."""

from __future__ import annotations

from pathlib import Path

from moderation.errors import InputError


def check_writable(path: Path) -> None:
    """Raise InputError unless *path* can be written, before hours are spent on what is to stand there."""
    target = path.resolve()  # what a link leads to is written, not the link
    there = target.exists()
    try:
        target.open("ab").close()
    except OSError as error:
        raise InputError(
            f"Cannot write {path} ({error.strerror}): name a file in a folder that exists and that you may write to."
        ) from error
    if not there:
        target.unlink()


def check_two(figures: Path, other: Path, what: str, option: str) -> None:
    """Raise InputError where *figures*, which --out names, and *other*, *what* by *option*, are one place."""
    if figures.resolve() == other.resolve():
        raise InputError(
            f"The figures and {what} would both be {figures}, one in place of the other: give another --out or "
            f"{option}."
        )
