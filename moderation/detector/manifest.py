"""What a bundle says about itself in ``manifest.json``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from moderation.checksum import sha256_of
from moderation.errors import BundleError

FORMAT_VERSION = 2
MANIFEST_FILE = "manifest.json"
MAX_SECTION_TOKENS = 510
MAX_SECTION_CHARACTERS = 10_000

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


class NgramFile(_Part):
    """Character n-grams, beside the encoder or instead of it.

    The logit of a section is ``weight_encoder`` × the encoder's + ``weight_ngrams`` × the n-grams' + ``offset``.
    Without an encoder the first weight is 0 and a section has at most *max_characters*. *parity* is with scikit-learn.
    """

    file: str
    weight_encoder: float = Field(ge=0, allow_inf_nan=False)
    weight_ngrams: float = Field(gt=0, allow_inf_nan=False)
    offset: float = Field(allow_inf_nan=False)
    max_characters: int = Field(ge=1, le=MAX_SECTION_CHARACTERS)
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


class EncoderParts(NamedTuple):
    """What a bundle with an encoder says about it."""

    tokenizer: str
    special_tokens: SpecialTokens
    max_tokens: int


class Manifest(_Part):
    """The whole manifest. ``files`` gives the SHA-256 of every file of the bundle but the manifest itself.

    Format 2 knows n-grams, and bundles of n-grams without an encoder, which have no precisions and no tokenizer; the
    ``token_ids`` of their probes are code points. Format 1 is read as it was.
    """

    format_version: int
    name: str
    files: dict[str, str]
    tokenizer: str | None = "tokenizer.json"
    precisions: dict[Precision, PrecisionFile]
    ngrams: NgramFile | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=MAX_SECTION_TOKENS)
    special_tokens: SpecialTokens | None = None
    probes: tuple[Probe, ...]
    calibration: Calibration
    training: dict[str, Any]
    licence: str

    @property
    def encoder(self) -> EncoderParts | None:
        """What surrounds the encoder; None in a bundle without one."""
        if not self.precisions or self.tokenizer is None or self.special_tokens is None or self.max_tokens is None:
            return None
        return EncoderParts(self.tokenizer, self.special_tokens, self.max_tokens)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.precisions and self.encoder is None:
            raise ValueError("a bundle with precisions needs tokenizer, special_tokens and max_tokens")
        if self.ngrams is None:
            if not self.precisions:
                raise ValueError("the bundle has neither precisions nor ngrams, so nothing scores")
            return self
        if self.format_version < 2:
            raise ValueError("format version 1 knows no ngrams, so older programs would give other scores")
        if bool(self.precisions) != bool(self.ngrams.weight_encoder):
            raise ValueError("ngrams.weight_encoder must be above 0 with precisions, and 0 without")
        return self


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
        where = ".".join(str(part) for part in first["loc"]) or "contradiction"
        raise BundleError(f"{path}: {where}: {first['msg']}. Export the bundle again.") from error
    _verify(bundle, manifest)
    return manifest, hashlib.sha256(raw).hexdigest()


def _verify(bundle: Path, manifest: Manifest) -> None:
    needed = {precision.file for precision in manifest.precisions.values()}
    needed |= {manifest.tokenizer} if manifest.tokenizer is not None else set()
    needed |= {manifest.ngrams.file} if manifest.ngrams is not None else set()
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
