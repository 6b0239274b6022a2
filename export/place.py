"""The place where a bundle is to stand."""

from __future__ import annotations

import tempfile
from pathlib import Path

from moderation.detector.bundle_files import BundleKind, manifest_values
from moderation.errors import InputError
from moderation.output_paths import check_replaceable

# Keys of every detector manifest; other programs write a manifest.json with a format_version too.
_ALWAYS_THERE = frozenset({"format_version", "files", "precisions"})


def check_place(out: Path, kind: BundleKind) -> None:
    """Raise InputError where something else than an older bundle of *kind* would be lost at *out*."""
    check_replaceable(out)
    if not out.exists() or not any(out.iterdir()):
        return
    values = manifest_values(out)
    if values.get("kind") != kind.kind or not values.keys() >= _ALWAYS_THERE:
        raise InputError(f"{out} is not empty and no {kind.noun}, which alone would be replaced; name a new directory.")


def room_beside(out: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a temporary directory beside *out*, on its file system. Raises InputError where none can be made."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=out.resolve().parent, prefix=f".{out.name}-")
    except OSError as error:
        raise InputError(f"{out.parent} cannot be written ({error.strerror}); name another directory.") from error
