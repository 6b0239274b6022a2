"""Reads and verifies bundles: a manifest with version and kind, and files with hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from moderation.checksum import sha256_of
from moderation.errors import BundleError, InputError
from moderation.output_paths import check_replaceable

MANIFEST_FILE = "manifest.json"

_Manifest = TypeVar("_Manifest", bound=BaseModel)


@dataclass(frozen=True)
class BundleKind:
    """A kind of bundle: the value of `kind` in its manifest, the supported format, and the names in its errors."""

    kind: str | None
    """The value of ``kind`` in the manifest; None for detector bundles, which have no such key."""
    format_version: int
    noun: str
    written_by: str
    """The command that writes such a bundle."""


@dataclass(frozen=True)
class ManifestContent:
    """The content of a manifest of the correct kind and version, not yet validated."""

    path: Path
    values: dict[str, Any]
    sha256: str


def manifest_values(bundle: Path) -> dict[str, Any]:
    """Return the unchecked content of the manifest in *bundle*; empty where it cannot be read."""
    try:
        values = json.loads((bundle / MANIFEST_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def check_bundle_place(out: Path, noun: str, is_older: Callable[[Mapping[str, Any]], bool]) -> None:
    """Raise InputError where *out* contains anything but an older bundle, which a new one replaces.

    *is_older* returns whether a manifest is of such a bundle. Files that the manifest does not list are other files.
    """
    check_replaceable(out)
    if not out.exists():
        return
    try:
        found = {path.name for path in out.iterdir()}
    except OSError as error:
        raise InputError(f"{out} cannot be read ({error.strerror}); name a new directory.") from None
    values = manifest_values(out)
    files = values.get("files")
    older = is_older(values) and isinstance(files, dict) and found <= {MANIFEST_FILE, *files}
    if found and not older:
        raise InputError(f"{out} is not empty and not only a {noun}, so it is not replaced; name a new directory.")


def read_content(bundle: Path, kind: BundleKind) -> ManifestContent:
    """Return the content of the manifest of *bundle*.

    Raises BundleError for a manifest that is missing, damaged, of another kind or of another version.
    """
    path = bundle / MANIFEST_FILE
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"No {kind.noun} at {bundle}: cannot read {path} ({error.strerror}). Name a directory that "
            f"{kind.written_by} wrote."
        ) from error
    try:
        values = json.loads(raw)
        version, found = int(values["format_version"]), values.get("kind")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise BundleError(f"{path} is not the manifest of a {kind.noun}; write it with {kind.written_by}.") from error
    if found != kind.kind:
        kept_in = "detector" if found is None else found
        raise BundleError(
            f"{bundle} is a bundle of the kind {kept_in!r} and not a {kind.noun}; name a directory that "
            f"{kind.written_by} wrote."
        )
    if version != kind.format_version:
        raise BundleError(
            f"{path} has format version {version}, this version reads {kind.format_version} for a {kind.noun}: "
            f"write the bundle again with this version's {kind.written_by}, or install the version that wrote it."
        )
    return ManifestContent(path, values, hashlib.sha256(raw).hexdigest())


def validated(model: type[_Manifest], content: ManifestContent, kind: BundleKind) -> _Manifest:
    """Return the manifest as a *model*. Raises BundleError with the first invalid field."""
    try:
        return model.model_validate(content.values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "contradiction"
        raise BundleError(f"{content.path}: {where}: {first['msg']}. Write it again with {kind.written_by}.") from error


def verify_files(bundle: Path, files: Mapping[str, str], needed: Iterable[str], kind: BundleKind) -> None:
    """Raise BundleError unless *files*, name to SHA-256, has all *needed* names and matches the files in *bundle*."""
    for name in sorted(set(needed) - files.keys()):
        raise BundleError(f"{bundle / MANIFEST_FILE} has no hash of {name}; write it again with {kind.written_by}.")
    for name, expected in sorted(files.items()):
        if Path(name).name != name:
            raise BundleError(
                f"{bundle / MANIFEST_FILE} lists {name!r}, which is not a plain file name; do not use it."
            )
        try:
            found = sha256_of(bundle / name)
        except OSError as error:
            raise BundleError(
                f"The {kind.noun} {bundle} lacks {name} ({error.strerror}); copy the complete directory again, or "
                f"write it again with {kind.written_by}."
            ) from error
        if found != expected:
            raise BundleError(
                f"{bundle / name} is not the file of the manifest (SHA-256 {found[:12]}…, expected {expected[:12]}…); "
                f"copy the complete {kind.noun} again, or write it again with {kind.written_by}."
            )
