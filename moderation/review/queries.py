"""Lists flags, and returns one flag with its evidence and history."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import Engine, Select, Text, select, type_coerce

from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import AssessmentRow, DecisionRow, EvidenceRow, FlagRow, LabelRow
from moderation.effects import FamilyEvidence, Reason, SectionEvidence, Verdict
from moderation.errors import InputError

LARGEST_ID = 2**63 - 1
STATUSES: tuple[str, ...] = ("open", *get_args(Verdict))


@dataclass(frozen=True)
class FlagFilter:
    """A filter for flags; None matches all."""

    status: str | None = None
    account_id: str | None = None
    post_id: str | None = None
    min_risk: float | None = None
    since: datetime | None = None
    family: str | None = None
    deleted: bool | None = None


@dataclass(frozen=True)
class FlagSummary:
    """A flag as one line of a list. A decision needs its `version`; `leading_reason` has the largest contribution."""

    id: int
    platform_id: str
    post_id: str
    account_id: str | None
    raised_at: datetime
    event_time: datetime | None
    risk: float | None
    synthetic_score: float | None
    agreeing: tuple[str, ...]
    leading_reason: str | None
    status: str
    version: int
    deleted_at: datetime | None
    retain_until: datetime | None


@dataclass(frozen=True)
class RecordedDecision:
    """One decision of the history."""

    id: int
    version: int
    who: str
    role: str
    decided_at: datetime
    verdict: str
    ground: str
    supersedes: int | None
    policy: str | None = None


@dataclass(frozen=True)
class RecordedLabel:
    """An external verdict on the post or account of the flag."""

    verdict: str
    given_at: datetime
    source: str
    about: str


@dataclass(frozen=True)
class ShownEvidence:
    """The evidence of the assessment, until it expires or is erased."""

    text: str
    features: tuple[float | None, ...]
    address_hash: str | None
    device_hash: str | None
    key_id: str | None
    expires_at: datetime


@dataclass(frozen=True)
class FlagDetail:
    """One flag with its evidence and history.

    Section offsets are characters of the normalised text, not of the post; of a text beyond ``max_text_bytes``, of its
    beginning, middle and end joined.
    """

    summary: FlagSummary
    content_hash: str
    threshold: float
    synthetic_logit: float | None
    truncated: bool
    families: tuple[FamilyEvidence, ...]
    reasons: tuple[Reason, ...]
    sections: tuple[SectionEvidence, ...]
    degraded: tuple[str, ...]
    missing: tuple[str, ...]
    features_version: str
    detector_version: str
    risk_version: str
    graph_epoch: int | None
    evidence: ShownEvidence | None
    decisions: tuple[RecordedDecision, ...]
    labels: tuple[RecordedLabel, ...]


def list_flags(
    engine: Engine, wanted: FlagFilter, *, limit: int = 50, after_id: int | None = None
) -> list[FlagSummary]:
    """Return at most `limit` flags, newest first; `after_id` continues after that one.

    Raises ConnectionLost.
    """
    query = _matching(wanted).order_by(FlagRow.id.desc()).limit(limit)
    if after_id is not None:
        query = query.where(FlagRow.id < after_id)
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        return [_summary(row) for row in connection.execute(query)]


def show_flag(engine: Engine, flag_id: int) -> FlagDetail:
    """Return one flag with evidence, families, reasons, sections and history. Raises InputError if there is none."""
    require_number(flag_id)
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        row = connection.execute(_matching(FlagFilter()).where(FlagRow.id == flag_id)).one_or_none()
        if row is None:
            raise no_flag(flag_id)
        assessment = connection.execute(
            select(AssessmentRow.__table__).where(AssessmentRow.key == row.assessment_key)
        ).one()
        evidence = connection.execute(
            select(EvidenceRow.__table__).where(EvidenceRow.assessment_key == row.assessment_key)
        ).one_or_none()
        decisions = connection.execute(
            select(DecisionRow.__table__).where(DecisionRow.flag_id == flag_id).order_by(DecisionRow.version)
        ).all()
        about_post, about_account = LabelRow.post_key == row.post_key, LabelRow.account_key == row.account_key
        labels = connection.execute(
            select(LabelRow.__table__).where(about_post | about_account).order_by(LabelRow.given_at, LabelRow.event_key)
        ).all()
    return FlagDetail(
        summary=_summary(row),
        content_hash=row.content_hash,
        threshold=assessment.threshold,
        synthetic_logit=assessment.synthetic_logit,
        truncated=assessment.truncated,
        families=tuple(FamilyEvidence(**family) for family in assessment.families),
        reasons=tuple(Reason(**reason) for reason in assessment.reasons),
        sections=tuple(SectionEvidence(*section) for section in assessment.sections),
        degraded=tuple(assessment.degraded),
        missing=tuple(assessment.missing),
        features_version=assessment.features_version,
        detector_version=assessment.detector_version,
        risk_version=assessment.risk_version,
        graph_epoch=assessment.graph_epoch,
        evidence=None if evidence is None else _evidence(evidence),
        decisions=tuple(_decision(decision) for decision in decisions),
        labels=tuple(_label(label, row) for label in labels),
    )


def require_number(flag_id: int) -> None:
    """Raise InputError unless a flag can have this number, because a database refuses a larger one."""
    if not 0 < flag_id <= LARGEST_ID:
        raise no_flag(flag_id)


def no_flag(flag_id: int) -> InputError:
    """Return the error for an unknown number."""
    return InputError(f"there is no flag {flag_id}; `moderation flags list` prints the numbers of all flags")


def _matching(wanted: FlagFilter) -> Select[Any]:
    query = select(
        FlagRow.__table__,
        AssessmentRow.event_time,
        AssessmentRow.risk,
        AssessmentRow.synthetic_score,
        AssessmentRow.agreeing,
        AssessmentRow.reasons,
    ).join(AssessmentRow, AssessmentRow.key == FlagRow.assessment_key)
    if wanted.status is not None:
        query = query.where(FlagRow.status == wanted.status)
    if wanted.account_id is not None:
        query = query.where(FlagRow.account_id == wanted.account_id)
    if wanted.post_id is not None:
        query = query.where(FlagRow.post_id == wanted.post_id)
    if wanted.min_risk is not None:
        query = query.where(AssessmentRow.risk >= wanted.min_risk)
    if wanted.since is not None:
        query = query.where(FlagRow.raised_at >= wanted.since)
    if wanted.family is not None:
        # The column is a JSON list of quoted names; a quote inside a name would be escaped.
        names = type_coerce(AssessmentRow.agreeing, Text)
        query = query.where(names.contains(json.dumps(wanted.family), autoescape=True))
    if wanted.deleted is not None:
        query = query.where(FlagRow.deleted_at.is_not(None) if wanted.deleted else FlagRow.deleted_at.is_(None))
    return query


def _summary(row: Any) -> FlagSummary:
    heaviest = max(row.reasons, key=lambda reason: float(reason["contribution"]), default=None)
    return FlagSummary(
        id=row.id,
        platform_id=row.platform_id,
        post_id=row.post_id,
        account_id=row.account_id,
        raised_at=row.raised_at,
        event_time=row.event_time,
        risk=row.risk,
        synthetic_score=row.synthetic_score,
        agreeing=tuple(row.agreeing),
        leading_reason=None if heaviest is None else str(heaviest["sentence"]),
        status=row.status,
        version=row.version,
        deleted_at=row.deleted_at,
        retain_until=row.retain_until,
    )


def _evidence(row: Any) -> ShownEvidence:
    return ShownEvidence(
        text=row.text,
        features=tuple(row.features),
        address_hash=row.address_hash,
        device_hash=row.device_hash,
        key_id=row.key_id,
        expires_at=row.expires_at,
    )


def _decision(row: Any) -> RecordedDecision:
    return RecordedDecision(
        id=row.id,
        version=row.version,
        who=row.who,
        role=row.role,
        decided_at=row.decided_at,
        verdict=row.verdict,
        ground=row.ground,
        supersedes=row.supersedes,
        policy=row.policy,
    )


def _label(row: Any, flag: Any) -> RecordedLabel:
    return RecordedLabel(row.verdict, row.given_at, row.source, "post" if row.post_key == flag.post_key else "account")
