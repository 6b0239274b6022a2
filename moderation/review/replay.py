"""Judges stored assessments again with another risk model, before it is used, and exports their vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import Engine, Row

from moderation.features import FEATURES_VERSION
from moderation.review.stored_posts import decided, stored_posts
from moderation.risk.model import BundledRiskModel

VECTOR_COLUMNS = {
    "platform_id": "text",
    "account_id": "text",
    "post_id": "text",
    "risk": "number",
    "flagged": "truth",
    "verdict": "text",
    "probability": "number",
    "features_version": "text",
    "detector_version": "text",
    "features": "numbers",
}
"""The columns of exported vectors with their kinds. `probability` is that of the draw of an audit sample."""


@dataclass(frozen=True)
class Rejudged:
    """A stored assessment beside the judgement of another model."""

    post_id: str
    account_id: str | None
    risk: float | None
    """The stored risk."""
    flagged: bool
    new_risk: float
    newly_flagged: bool
    verdict: str | None
    """The latest verdict of a person about the flag or the post; None without one."""

    @property
    def flips(self) -> bool:
        """Whether the other model decides otherwise."""
        return self.flagged != self.newly_flagged

    @property
    def contradicts(self) -> bool:
        """Whether the other model decides against the verdict of a person."""
        return self.verdict == ("not_a_violation" if self.newly_flagged else "confirmed")


@dataclass
class Replay:
    """What another model decides about the stored assessments of flags and audit samples."""

    judged: int = 0
    of_other_models: int = 0
    """Assessments that cannot be judged again: of another detector, or of other features."""
    flags: int = 0
    """Stored flags."""
    kept_flags: int = 0
    """Of these, those that the model raises too."""
    samples: int = 0
    """Posts of the audit sample without a flag."""
    new_flags: int = 0
    """Of these, those that the model flags."""
    posts_newly_flagged: float = 0.0
    """Posts of the stream that these stand for, by the probability of their draws."""
    with_verdict: int = 0
    contradicted_before: int = 0
    """Verdicts that the stored decision contradicts."""
    contradicted_after: int = 0
    flips: list[Rejudged] = field(default_factory=list)
    """Every changed decision, those against a verdict of a person first."""


def replay(engine: Engine, model: BundledRiskModel) -> Replay:
    """Return what *model* decides about all stored feature vectors. Nothing is written.

    The content features are those that were computed with the model of the time. Raises ConnectionLost.
    """
    found = Replay()
    for rows in stored_posts(engine):
        usable = [
            row
            for row in rows
            if row.features_version == FEATURES_VERSION and row.detector_version == model.detector_hash
        ]
        found.of_other_models += len(rows) - len(usable)
        if usable:
            _judge(model, usable, found)
    found.flips.sort(key=lambda one: (not one.contradicts, -one.new_risk, one.post_id))
    return found


def _judge(model: BundledRiskModel, rows: Sequence[Row[Any]], found: Replay) -> None:
    features = np.array([row.features for row in rows], dtype=np.float64)
    for row, judgement in zip(rows, model.assess(features), strict=True):
        verdict = decided(row)
        one = Rejudged(row.post_id, row.account_id, row.risk, row.flagged, judgement.risk, judgement.flagged, verdict)
        found.judged += 1
        if one.flagged:
            found.flags += 1
            found.kept_flags += one.newly_flagged
        else:
            found.samples += 1
            found.new_flags += one.newly_flagged
            found.posts_newly_flagged += one.newly_flagged / (row.probability or 1.0)
        found.with_verdict += verdict is not None
        found.contradicted_before += verdict == ("not_a_violation" if one.flagged else "confirmed")
        found.contradicted_after += one.contradicts
        if one.flips:
            found.flips.append(one)


def all_vectors(engine: Engine) -> Iterator[dict[str, Any]]:
    """Yield the stored vectors in the order of their keys, as rows of `VECTOR_COLUMNS`. Raises ConnectionLost."""
    for rows in stored_posts(engine):
        for row in rows:
            known = {**row._mapping, "verdict": decided(row)}
            yield {name: known[name] for name in VECTOR_COLUMNS}
