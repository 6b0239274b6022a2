"""Checks the output directory of a bundle."""

from __future__ import annotations

from pathlib import Path

from moderation.detector.bundle_files import BundleKind, check_bundle_place

# Keys of every detector manifest, because other programs also write a manifest.json with a format_version.
_ALWAYS_THERE = frozenset({"format_version", "files", "precisions"})


def check_place(out: Path, kind: BundleKind) -> None:
    """Raise InputError where *out* contains anything but an older bundle of *kind*."""
    check_bundle_place(
        out, kind.noun, lambda values: values.get("kind") == kind.kind and values.keys() >= _ALWAYS_THERE
    )
