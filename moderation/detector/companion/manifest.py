"""What a companion bundle says about itself in ``manifest.json``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from moderation.detector.bundle_files import BundleKind, read_content, validated, verify_files
from moderation.detector.companion.reading import MOST_WINDOWS

FORMAT_VERSION = 2
KIND = "companion"
MOST_WINDOW_TOKENS = 1022
COMPANION = BundleKind(KIND, FORMAT_VERSION, "companion", "`moderation companion export`")

CompanionPrecision = Literal["fp32", "int8", "int8-dynamic"]
"""8 bits in blocks of 32, or one scale for each row and, as they come, for all activations of a product."""


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
    most_windows: int = Field(default=MOST_WINDOWS, ge=1, le=MOST_WINDOWS)
    """How many windows of a text are read."""
    vocabulary: int = Field(ge=2)
    family: str
    licence: str
    probes: tuple[CompanionProbe, ...] = Field(min_length=1)
    probe_tolerance: float = Field(gt=0)

    @model_validator(mode="after")
    def _is_of_its_format(self) -> Self:
        if self.format_version < format_with(self.most_windows, self.precisions):
            raise ValueError(
                f"format version {self.format_version} knows neither most_windows nor int8-dynamic, so older programs "
                "would not refuse it"
            )
        return self


def format_with(most_windows: int, precisions: Iterable[CompanionPrecision]) -> int:
    """Return the oldest format for these: programs of the first read eight windows and know no int8-dynamic."""
    return 1 if most_windows == MOST_WINDOWS and "int8-dynamic" not in precisions else 2


def read_companion_manifest(bundle: Path) -> tuple[CompanionManifest, str]:
    """Return the manifest of *bundle* and the SHA-256 of its bytes, after verifying the hash of every file.

    Raises BundleError for a missing, damaged, contradictory or newer bundle, or one of another kind.
    """
    content = read_content(bundle, COMPANION)
    manifest = validated(CompanionManifest, content, COMPANION)
    needed = {manifest.tokenizer, *(entry.file for entry in manifest.precisions.values())}
    verify_files(bundle, manifest.files, needed, COMPANION)
    return manifest, content.sha256
