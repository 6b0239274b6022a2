"""The manifest of a risk bundle."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from moderation.features.content import ContentBaseline
from moderation.risk.certificate import Certificate

FORMAT = 6
Policy = Literal["all", "selective"]
"""Which texts are scored: every text, or those of accounts with unusual metadata."""


POLICIES: tuple[Policy, ...] = ("all", "selective")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NamedFeature(_Entry):
    """One column of the feature vector, with the usual values of genuine accounts (None: no value)."""

    name: str
    family: str
    version: int
    """The meaning version of the feature (see moderation/features/catalogue.py)."""
    unit: str
    meaning: str
    genuine_median: float | None
    genuine_low: float | None
    """5 % quantile of genuine posts with a value."""
    genuine_high: float | None
    """95 % quantile of genuine posts with a value."""


class FamilyEntry(_Entry):
    """One family: its model file (empty for content, whose score is the feature content_evidence) and neutral score."""

    name: str
    file: str
    neutral: float
    """Score of a missing family; at most that of a median genuine account."""
    median_score: float
    """Median over genuine accounts of the median score of the account."""


class PolicyEntry(_Entry):
    """Threshold and certificate of one scoring policy."""

    threshold: float
    threshold_rule: dict[str, Any]
    """α, δ, n and rank of the umbrella that set the threshold."""
    certificate: Certificate


class Manifest(_Entry):
    """The content of manifest.json, whose hash is the version of the bundle."""

    format: int
    simulated: bool
    detector_hash: str
    features: tuple[NamedFeature, ...]
    families: tuple[FamilyEntry, ...]
    """Families in the order of the columns of the fusion."""
    content_baseline: ContentBaseline
    fusion_file: str
    metadata_only_file: str
    """File of a fusion without content, for comparison in evaluations only."""
    reference_file: str
    p_family: float
    """Largest p-value at which a family agrees."""
    policies: dict[Policy, PolicyEntry]
    selective_evidence: float
    """Evidence that few genuine posts exceed: `selective` scores accounts that would be flagged with it."""
    horizon_days: int
    post_cap: int
    training: dict[str, Any]
    """Configuration and seeds of the training, sizes of the sets, sources of the texts with their licences."""
    files: dict[str, str]
    """SHA-256 in hex of every other file of the bundle."""
