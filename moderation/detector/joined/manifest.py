"""What a joined bundle says about itself in ``manifest.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from moderation.checksum import sha256_of
from moderation.detector.bundle_files import MANIFEST_FILE, BundleKind, manifest_values, read_content, validated
from moderation.detector.joined.rule import JoiningRule, ZeroShotRule
from moderation.detector.shipped import directory_of
from moderation.errors import BundleError

# Programs that know no joined bundle read detector bundles up to format 2, and tell clearly of a newer one. Format 3 is
# from before repetitions were left out of the figures: its rules are for other numbers (decision 0613). Format 4 hears
# the companion on every text, also where it has no words for it (decision 0615).
FORMAT_VERSION = 5
KIND = "joined"
DETECTOR_PART = "detector"
COMPANION_PART = "companion"
JOINED = BundleKind(KIND, FORMAT_VERSION, "joined bundle", "`moderation companion join`")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PartHash(_Part):
    """A bundle inside the bundle: its name, and the SHA-256 of its manifest, which has those of its files."""

    name: str
    manifest_sha256: str


class DataFile(_Part):
    """The file whose rows fitted the rules."""

    name: str
    sha256: str


class JoinedManifest(_Part):
    """The whole manifest: both parts by their hashes, and everything that was fitted."""

    format_version: int
    kind: Literal["joined"]
    name: str
    detector: PartHash
    companion: PartHash
    zero_shot: ZeroShotRule
    joining: JoiningRule
    data: DataFile
    licence: str


def is_joined(bundle: Path) -> bool:
    """Say whether the manifest in *bundle* is that of a joined bundle, of whatever version."""
    return manifest_values(bundle).get("kind") == KIND


def companion_of(bundle: Path) -> Path:
    """Return the folder of the companion: that in a joined *bundle*, by its name or its folder, else *bundle* itself.

    Raises BundleError as `directory_of` does.
    """
    directory = directory_of(bundle)
    joined = (directory / MANIFEST_FILE).is_file() and is_joined(directory)
    return directory / COMPANION_PART if joined else directory


def read_joined_manifest(bundle: Path) -> tuple[JoinedManifest, str]:
    """Return the manifest of *bundle* and the SHA-256 of its bytes, after verifying the manifests of both parts.

    The parts verify their own files when they are loaded. Raises BundleError for a missing, damaged, contradictory,
    older or newer bundle, or one of another kind.
    """
    content = read_content(bundle, JOINED)
    if int(content.values["format_version"]) < FORMAT_VERSION:
        raise BundleError(
            f"{content.path} is from a version that heard or counted a companion otherwise: write the joined bundle "
            f"again with {JOINED.written_by}, and train its risk bundle anew."
        )
    manifest = validated(JoinedManifest, content, JOINED)
    _verify(bundle / DETECTOR_PART, manifest.detector)
    _verify(bundle / COMPANION_PART, manifest.companion)
    return manifest, content.sha256


def _verify(part: Path, expected: PartHash) -> None:
    try:
        found = sha256_of(part / MANIFEST_FILE)
    except OSError as error:
        raise BundleError(
            f"The joined bundle lacks its part {part} ({error.strerror}); copy it again as a whole, or write it again "
            f"with {JOINED.written_by}."
        ) from error
    if found != expected.manifest_sha256:
        raise BundleError(
            f"{part} is not {expected.name}, which was joined here (SHA-256 of its manifest {found[:12]}…, expected "
            f"{expected.manifest_sha256[:12]}…): what was fitted holds for that one alone. Join again with "
            f"{JOINED.written_by}."
        )
