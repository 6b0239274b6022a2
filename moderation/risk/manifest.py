"""The manifest of a risk bundle."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from moderation.risk.certificate import Certificate
from moderation.risk.slopes import Slopes

FORMAT = 3


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NamedFeature(_Entry):
    """One column of the feature vector, with what is usual among genuine accounts (None: never seen)."""

    name: str
    family: str
    version: int
    """The meaning version of the feature (see moderation/features/catalogue.py)."""
    unit: str
    meaning: str
    genuine_median: float | None
    genuine_low: float | None
    """5 % quantile of genuine posts where the value is known."""
    genuine_high: float | None
    """95 % quantile of genuine posts where the value is known."""


class FamilyEntry(_Entry):
    """One family: its model file (empty for content, whose score is the detector's logit) and its neutral score."""

    name: str
    file: str
    neutral: float
    """Score that stands for a missing family; never above a median genuine account's."""
    median_score: float
    """Median over genuine accounts of the account's median score."""


class Manifest(_Entry):
    """Everything beside the models; read from manifest.json, whose hash is the bundle's version."""

    format: int
    simulated: bool
    detector_hash: str
    features: tuple[NamedFeature, ...]
    families: tuple[FamilyEntry, ...]
    """In the order of the fusion's columns."""
    content_slopes: Slopes
    """The fusion's slopes over the text's score."""
    fusion_file: str
    metadata_only_file: str
    """A fusion without content, for comparison in evaluation; decides nothing."""
    reference_file: str
    p_family: float
    """A family agrees when its p-value is at most this."""
    threshold: float
    threshold_rule: dict[str, Any]
    """α, δ, n and rank of the umbrella by which the threshold was set."""
    horizon_days: int
    post_cap: int
    certificate: Certificate
    training: dict[str, Any]
    """Configuration and seeds that repeat this bundle, sizes of the sets, sources of texts with their licences."""
    files: dict[str, str]
    """SHA-256 in hex of every other file of the bundle."""
