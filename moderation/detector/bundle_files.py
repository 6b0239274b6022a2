"""Reading a bundle: a manifest with a version and a kind, and files with their hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from moderation.checksum import sha256_of
from moderation.errors import BundleError

MANIFEST_FILE = "manifest.json"

_Manifest = TypeVar("_Manifest", bound=BaseModel)


@dataclass(frozen=True)
class BundleKind:
    """A kind of bundle: the value of `kind` in its manifest, the format that is read, and the terms of its errors."""

    kind: str | None
    """What the manifest's ``kind`` says; detector bundles, the oldest, have none."""
    format_version: int
    noun: str
    written_by: str
    """The command that writes such a bundle."""


@dataclass(frozen=True)
class ManifestContent:
    """A manifest as it stands in the file, of the right kind and of a known version, but not yet validated."""

    path: Path
    values: dict[str, Any]
    sha256: str


def manifest_values(bundle: Path) -> dict[str, Any]:
    """Return the content of the manifest in *bundle*, unchecked; empty where there is none that can be read."""
    try:
        values = json.loads((bundle / MANIFEST_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def read_content(bundle: Path, kind: BundleKind) -> ManifestContent:
    """Return what the manifest of *bundle* holds.

    Raises BundleError where there is none, where it is damaged, of another kind or newer than this program.
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
        raise BundleError(f"{path} is not a {kind.noun}'s manifest; write it again with {kind.written_by}.") from error
    if found != kind.kind:
        kept_in = "detector" if found is None else found
        raise BundleError(
            f"{bundle} is a bundle of the kind {kept_in!r} and no {kind.noun}; name a directory that "
            f"{kind.written_by} wrote."
        )
    if version != kind.format_version:
        raise BundleError(
            f"{path} has format version {version}, this version reads {kind.format_version} for a {kind.noun}: "
            f"write the bundle again with this version's {kind.written_by}, or install the version that wrote it."
        )
    return ManifestContent(path, values, hashlib.sha256(raw).hexdigest())


def validated(model: type[_Manifest], content: ManifestContent, kind: BundleKind) -> _Manifest:
    """Return the manifest as a *model*. Raises BundleError that names the first field that is wrong."""
    try:
        return model.model_validate(content.values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "contradiction"
        raise BundleError(f"{content.path}: {where}: {first['msg']}. Write it again with {kind.written_by}.") from error


def verify_files(bundle: Path, files: Mapping[str, str], needed: Iterable[str], kind: BundleKind) -> None:
    """Raise BundleError unless *files*, names with their SHA-256, has all *needed* ones and lies so in *bundle*."""
    for name in sorted(set(needed) - files.keys()):
        raise BundleError(f"{bundle / MANIFEST_FILE} gives no hash for {name}; write it again with {kind.written_by}.")
    for name, expected in sorted(files.items()):
        if Path(name).name != name:
            raise BundleError(f"{bundle / MANIFEST_FILE} names {name!r}, which is no plain file name; do not use it.")
        try:
            found = sha256_of(bundle / name)
        except OSError as error:
            raise BundleError(
                f"The {kind.noun} {bundle} lacks {name} ({error.strerror}); copy it again as a whole, or write it "
                f"again with {kind.written_by}."
            ) from error
        if found != expected:
            raise BundleError(
                f"{bundle / name} is not the file that the manifest names (SHA-256 {found[:12]}…, expected "
                f"{expected[:12]}…); copy the {kind.noun} again as a whole, or write it again with {kind.written_by}."
            )
