"""Reads the stored assessments of flags and audit samples with the verdicts of people, in pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, select

from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import AssessmentRow, AuditSampleRow, EvidenceRow, FlagRow, LabelRow
from connectors.reviewdb.review_models import BlindVerdictRow

_AT_A_TIME = 2000
_FIRST = "sample"
"""Kind of the first blind verdict about a post; second ones and those about golden items feed no rate."""


def stored_posts(engine: Engine) -> Iterator[Sequence[Row[Any]]]:
    """Yield the assessments whose features are kept, with their verdicts, some at a time, in the order of their keys.

    Raises ConnectionLost.
    """
    stored = AssessmentRow
    statement = (
        select(stored.key, stored.post_id, stored.account_id, stored.risk, stored.flagged, stored.features_version)
        .add_columns(stored.detector_version, stored.risk_version, stored.platform_id, stored.event_time)
        .add_columns(
            stored.scored_by, stored.content_hash, EvidenceRow.features, EvidenceRow.address_hash, EvidenceRow.key_id
        )
        .add_columns(FlagRow.status, AuditSampleRow.probability, _label(), _blind_verdict())
        .join(EvidenceRow, EvidenceRow.assessment_key == stored.key)
        .outerjoin(FlagRow, FlagRow.assessment_key == stored.key)
        .outerjoin(AuditSampleRow, AuditSampleRow.assessment_key == stored.key)
        .order_by(stored.key)
        .limit(_AT_A_TIME)
    )
    last = ""
    while True:
        with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
            rows = connection.execute(statement.where(stored.key > last)).all()
        if not rows:
            return
        last = rows[-1].key
        yield rows


def decided(row: Row[Any]) -> str | None:
    """Return the latest verdict about the flag, else that of a label event about the post; None without one."""
    verdict: str | None = row.label if row.status in (None, "open") else row.status
    return verdict


def _label() -> ColumnElement[str | None]:
    latest = select(LabelRow.verdict).where(LabelRow.post_key == EvidenceRow.post_key)
    return latest.order_by(LabelRow.given_at.desc(), LabelRow.event_key).limit(1).scalar_subquery().label("label")


def _blind_verdict() -> ColumnElement[str | None]:
    blind = BlindVerdictRow
    first = select(blind.verdict).where(blind.assessment_key == AssessmentRow.key, blind.kind == _FIRST)
    return first.order_by(blind.id).limit(1).scalar_subquery().label("blind")


def policy_of(scored_by: str | None) -> str:
    """Return the scoring policy of an assessment; only that of all texts has a rule for every text."""
    return "all" if scored_by == "all" else "selective"
