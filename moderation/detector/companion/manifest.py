"""What a companion bundle says about itself in ``manifest.json``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from moderation.checksum import sha256_of
from moderation.detector.manifest import MANIFEST_FILE
from moderation.errors import BundleError

FORMAT_VERSION = 1
KIND = "companion"
MOST_WINDOW_TOKENS = 1022
_AGAIN = "`moderation companion export`"

CompanionPrecision = Literal["fp32", "int8"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CompanionParity(_Part):
    """How far a precision is from the checkpoint in PyTorch, over *tokens* tokens of *texts* texts, in nats."""

    texts: int
    tokens: int
    largest_log_probability_difference: float
    mean_log_probability_difference: float
    largest_curvature_difference: float
    curvature_correlation: float | None
    """Pearson's, over texts; None where there are too few."""
    mean_top100_share_difference: float


class CompanionFile(_Part):
    """One ONNX file, with the mean log probability of each probe as it was measured at the export."""

    file: str
    parity: CompanionParity
    probe_log_probabilities: tuple[float, ...]


class CompanionProbe(_Part):
    """A text whose tokens and mean log probability are known: it proves tokenizer and runtime at every load."""

    text: str
    token_ids: tuple[int, ...]


class FirstToken(_Part):
    """The token before every window, by name and id."""

    name: str
    id: int = Field(ge=0)


class CompanionManifest(_Part):
    """The whole manifest. ``files`` gives the SHA-256 of every file of the bundle but the manifest itself."""

    format_version: int
    kind: Literal["companion"]
    name: str
    files: dict[str, str]
    tokenizer: str = "tokenizer.json"
    precisions: dict[CompanionPrecision, CompanionFile] = Field(min_length=1)
    first_token: FirstToken
    max_tokens: int = Field(ge=4, le=MOST_WINDOW_TOKENS)
    vocabulary: int = Field(ge=2)
    family: str
    licence: str
    probes: tuple[CompanionProbe, ...] = Field(min_length=1)
    probe_tolerance: float = Field(gt=0)


def read_companion_manifest(bundle: Path) -> tuple[CompanionManifest, str]:
    """Return the manifest of *bundle* and the SHA-256 of its bytes, after verifying the hash of every file.

    Raises BundleError for a missing, damaged, contradictory or newer bundle, or one of another kind.
    """
    path = bundle / MANIFEST_FILE
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"No companion at {bundle}: cannot read {path} ({error.strerror}). Name a directory that {_AGAIN} wrote."
        ) from error
    try:
        content = json.loads(raw)
        version, kind = int(content["format_version"]), content.get("kind")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{path} is not a companion's manifest; write it again with {_AGAIN}.") from error
    if kind != KIND:
        raise BundleError(f"{bundle} is a bundle, but no companion; name a directory that {_AGAIN} wrote.")
    if version > FORMAT_VERSION:
        raise BundleError(
            f"{path} has format version {version}, this program reads up to {FORMAT_VERSION}: "
            "upgrade moderation-sidecar, or export the companion with this version."
        )
    try:
        manifest = CompanionManifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path}: {where}: {first['msg']}. Write it again with {_AGAIN}.") from error
    _verify(bundle, manifest)
    return manifest, hashlib.sha256(raw).hexdigest()


def _verify(bundle: Path, manifest: CompanionManifest) -> None:
    needed = {manifest.tokenizer, *(entry.file for entry in manifest.precisions.values())}
    for name in sorted(needed - manifest.files.keys()):
        raise BundleError(f"{bundle / MANIFEST_FILE} gives no hash for {name}; write it again with {_AGAIN}.")
    for name, expected in sorted(manifest.files.items()):
        if Path(name).name != name:
            raise BundleError(f"{bundle / MANIFEST_FILE} names {name!r}, which is no plain file name; do not use it.")
        try:
            found = sha256_of(bundle / name)
        except OSError as error:
            raise BundleError(
                f"The companion {bundle} lacks {name} ({error.strerror}); copy or export it again as a whole."
            ) from error
        if found != expected:
            raise BundleError(
                f"{bundle / name} is not the file that the manifest names (SHA-256 {found[:12]}…, expected "
                f"{expected[:12]}…); copy or export the companion again as a whole."
            )
