"""What a bundle says about itself in ``manifest.json``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from moderation.checksum import sha256_of
from moderation.errors import BundleError

FORMAT_VERSION = 1
MANIFEST_FILE = "manifest.json"
MAX_SECTION_TOKENS = 510

Precision = Literal["fp32", "fp16", "int8"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SpecialTokens(_Part):
    """The ids that surround and pad a section."""

    first: int
    last: int
    pad: int


class Parity(_Part):
    """How far this precision is from the checkpoint in PyTorch, over *texts* texts."""

    texts: int
    largest_logit_difference: float
    mean_logit_difference: float


class PrecisionFile(_Part):
    """One ONNX file; *batch_independent* says whether texts may share a batch without moving each other's score."""

    file: str
    batch_independent: bool
    parity: Parity


class Probe(_Part):
    """A text whose side is known: it proves at every load which way the logit points and what the tokenizer does."""

    text: str
    label: Literal[0, 1]
    token_ids: tuple[int, ...]


class Band(_Part):
    """Platt scaling for texts of at most *up_to_tokens* tokens (None: of any length)."""

    up_to_tokens: int | None
    slope: float = Field(gt=0)
    intercept: float
    rows: int = 0


class Calibration(_Part):
    """How a logit becomes a probability; *fitted_on* names the texts in words."""

    method: str
    fitted_on: str
    bands: tuple[Band, ...] = Field(min_length=1)


class Manifest(_Part):
    """The whole manifest. ``files`` gives the SHA-256 of every file of the bundle but the manifest itself."""

    format_version: int
    name: str
    files: dict[str, str]
    tokenizer: str = "tokenizer.json"
    precisions: dict[Precision, PrecisionFile] = Field(min_length=1)
    max_tokens: int = Field(ge=1, le=MAX_SECTION_TOKENS)
    special_tokens: SpecialTokens
    probes: tuple[Probe, ...]
    calibration: Calibration
    training: dict[str, Any]
    licence: str


def read_manifest(bundle: Path) -> tuple[Manifest, str]:
    """Return the manifest of *bundle* and the SHA-256 of its bytes, after verifying the hash of every file.

    Raises BundleError for a missing, damaged, contradictory or newer bundle.
    """
    path = bundle / MANIFEST_FILE
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"No detector bundle at {bundle}: cannot read {path} ({error.strerror}). Name a directory that "
            "`moderation export` wrote."
        ) from error
    try:
        content = json.loads(raw)
        version = int(content["format_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{path} is not a bundle manifest; export the bundle again.") from error
    if version > FORMAT_VERSION:
        raise BundleError(
            f"{path} has format version {version}, this program reads up to {FORMAT_VERSION}: "
            "upgrade moderation-sidecar, or export the bundle with this version."
        )
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path}: {where}: {first['msg']}. Export the bundle again.") from error
    _verify(bundle, manifest)
    return manifest, hashlib.sha256(raw).hexdigest()


def _verify(bundle: Path, manifest: Manifest) -> None:
    needed = {manifest.tokenizer, *(precision.file for precision in manifest.precisions.values())}
    for name in sorted(needed - manifest.files.keys()):
        raise BundleError(f"{bundle / MANIFEST_FILE} gives no hash for {name}; export the bundle again.")
    for name, expected in sorted(manifest.files.items()):
        if Path(name).name != name:
            raise BundleError(f"{bundle / MANIFEST_FILE} names {name!r}, which is no plain file name; do not use it.")
        try:
            found = sha256_of(bundle / name)
        except OSError as error:
            raise BundleError(
                f"The bundle {bundle} lacks {name} ({error.strerror}); copy or export it again as a whole."
            ) from error
        if found != expected:
            raise BundleError(
                f"{bundle / name} is not the file that the manifest names (SHA-256 {found[:12]}…, expected "
                f"{expected[:12]}…); copy or export the bundle again as a whole."
            )
