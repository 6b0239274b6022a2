"""Checks the output directory of a bundle."""

from __future__ import annotations

from pathlib import Path

from moderation.detector.bundle_files import BundleKind, manifest_values
from moderation.errors import InputError
from moderation.output_paths import check_replaceable

# Keys of every detector manifest, because other programs also write a manifest.json with a format_version.
_ALWAYS_THERE = frozenset({"format_version", "files", "precisions"})


def check_place(out: Path, kind: BundleKind) -> None:
    """Raise InputError where *out* contains anything but an older bundle of *kind*."""
    check_replaceable(out)
    if not out.exists() or not any(out.iterdir()):
        return
    values = manifest_values(out)
    if values.get("kind") != kind.kind or not values.keys() >= _ALWAYS_THERE:
        raise InputError(f"{out} is not empty and not a {kind.noun}, so it is not replaced; name a new directory.")
