"""The flags of an account, with their assessments and texts, in pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Integer, String, bindparam, func, select

from connectors.reviewdb.engine import at_edge, one_view
from connectors.reviewdb.in_review import by_risk, flags_of
from connectors.reviewdb.models import AccountInReviewRow, AssessmentRow, EvidenceRow, FlagRow
from connectors.reviewdb.statements import table_of
from moderation.effects import FamilyEvidence, Reason, SectionEvidence
from moderation.errors import InputError
from moderation.features.catalogue import COLUMN, FEATURES_VERSION
from moderation.review.claims import unknown_account
from moderation.review.queries import no_flag
from moderation.review.refusals import InvalidValue

FLAGS, IN_REVIEW, ASSESSMENTS, EVIDENCE = (
    table_of(row) for row in (FlagRow, AccountInReviewRow, AssessmentRow, EvidenceRow)
)
SHOWN_FLAGS = 10
LARGEST_OFFSET = 10_000
OWN_TEXTS = 8
"""Texts of the account that are compared with those of others."""
ASSESSED = (
    *("threshold", "synthetic_score", "content_abstained", "truncated", "families", "agreeing"),
    *("reasons", "sections", "degraded", "missing", "risk_version", "features_version"),
)
"""Columns of the assessment that are read."""
KEY = bindparam("key", type_=String)
"""The key of the account, a parameter: statements of the page of an account are built once, which costs more than
executing them."""


@dataclass(frozen=True)
class AccountFlag:
    """A flag of the account with its assessment; `text` is None where the evidence has expired or was erased."""

    id: int
    post_id: str
    raised_at: datetime
    event_time: datetime | None
    status: str
    version: int
    deleted_at: datetime | None
    risk: float | None
    threshold: float
    synthetic_score: float | None
    content_abstained: str | None
    truncated: bool
    families: tuple[FamilyEvidence, ...]
    agreeing: tuple[str, ...]
    reasons: tuple[Reason, ...]
    sections: tuple[SectionEvidence, ...]
    degraded: tuple[str, ...]
    missing: tuple[str, ...]
    risk_version: str
    text: str | None
    text_kept_until: datetime | None


def flag_rows(connection: Connection, key: str, offset: int = 0) -> Sequence[Any]:
    """Return the rows of a page of flags, from which `flag_of` and `values_of` read: open ones first, then by risk."""
    return connection.execute(_PAGE, {"key": key, "offset": offset}).all()


def read_flags(engine: Engine, key: str, offset: int) -> tuple[tuple[AccountFlag, ...], int]:
    """Return the flags of an account from an offset on, at most SHOWN_FLAGS, and the number of all.

    Open ones come first, then by risk. Raises UnknownAccount, and InvalidValue for an offset that is out of range.
    """
    if not 0 <= offset <= LARGEST_OFFSET:
        raise InvalidValue(f"offset must be from 0 to {LARGEST_OFFSET:,}, got {offset}")
    with at_edge(engine), one_view(engine) as connection:
        if connection.scalar(select(IN_REVIEW.c.key).where(IN_REVIEW.c.key == key)) is None:
            raise unknown_account(key)
        count = connection.scalar(select(func.count()).where(flags_of(key))) or 0
        return tuple(flag_of(row) for row in flag_rows(connection, key, offset)), count


def compared_texts(connection: Connection, key: str) -> list[str]:
    """Return the texts of an account that are compared with those of others."""
    return [text for text in connection.scalars(_TEXTS, {"key": key}) if text]


def flag_text(engine: Engine, flag_id: int) -> tuple[str, str]:
    """Return the account key and the text of a flag. Raises InputError where there is no flag or no text any more."""
    query = select(FLAGS.c.account_key, FLAGS.c.post_key, EVIDENCE.c.text)
    query = query.outerjoin(EVIDENCE, EVIDENCE.c.assessment_key == FLAGS.c.assessment_key)
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        row = connection.execute(query.where(FLAGS.c.id == flag_id)).one_or_none()
    if row is None:
        raise no_flag(flag_id)
    if row.text is None:
        raise InputError(f"the text of flag {flag_id} is no longer kept: it has expired or was erased")
    return row.account_key or row.post_key, row.text


def flag_of(row: Any) -> AccountFlag:
    """Return the flag of a row."""
    reasons = (Reason(**reason) for reason in row.reasons)
    return AccountFlag(
        id=row.id,
        post_id=row.post_id,
        raised_at=row.raised_at,
        event_time=row.event_time,
        status=row.status,
        version=row.version,
        deleted_at=row.deleted_at,
        risk=row.risk,
        threshold=row.threshold,
        synthetic_score=row.synthetic_score,
        content_abstained=row.content_abstained,
        truncated=row.truncated,
        families=tuple(FamilyEvidence(**family) for family in row.families),
        agreeing=tuple(row.agreeing),
        reasons=tuple(sorted(reasons, key=lambda reason: -reason.contribution)),
        sections=tuple(SectionEvidence(*section) for section in row.sections),
        degraded=tuple(row.degraded),
        missing=tuple(row.missing),
        risk_version=row.risk_version,
        text=row.text,
        text_kept_until=row.expires_at,
    )


def values_of(row: Any) -> Mapping[str, float]:
    """Return the features of a flag; those of another version of the catalogue have other columns."""
    if row.features_version != FEATURES_VERSION or len(row.features or ()) != len(COLUMN):
        return {}
    return {name: value for name, value in zip(COLUMN, row.features, strict=True) if value is not None}


_ORDER = ((FLAGS.c.status == "open").desc(), *by_risk())
_CHOSEN = select(FLAGS.c.id).where(flags_of(KEY)).order_by(*_ORDER).limit(SHOWN_FLAGS)
_PAGE = (
    select(FLAGS, *(ASSESSMENTS.c[name] for name in ASSESSED), EVIDENCE.c.text, EVIDENCE.c.features)
    .add_columns(EVIDENCE.c.expires_at)
    .join(ASSESSMENTS, ASSESSMENTS.c.key == FLAGS.c.assessment_key)
    .outerjoin(EVIDENCE, EVIDENCE.c.assessment_key == FLAGS.c.assessment_key)
    .where(FLAGS.c.id.in_(_CHOSEN.offset(bindparam("offset", type_=Integer)).scalar_subquery()))
    .order_by(*_ORDER)
)
"""A page of flags; they are chosen first, without their wide columns."""
_TEXTS = (
    select(EVIDENCE.c.text)
    .join_from(FLAGS, EVIDENCE, EVIDENCE.c.assessment_key == FLAGS.c.assessment_key)
    .where(FLAGS.c.id.in_(_CHOSEN.scalar_subquery()))
    .order_by(*_ORDER)
    .limit(OWN_TEXTS)
)
