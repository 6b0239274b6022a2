"""The tables of review beyond the queue: visits, notes, verdicts of several people, quality, statements."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Double, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from connectors.reviewdb.columns import Counter, Json, KeptText, UtcTime
from connectors.reviewdb.models import AccountInReviewRow, AssessmentRow, Base, DecisionRow, Digest, Name, PersonRow


class FollowedRow(Base):
    """An account that an account in review followed when it was flagged last, by its number in the follow graph."""

    __tablename__ = "followed"
    account_key: Mapped[str] = mapped_column(ForeignKey(AccountInReviewRow.key), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False, index=True)
    mutual: Mapped[bool] = mapped_column(Boolean)
    flagged_before: Mapped[bool] = mapped_column(Boolean)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class VisitRow(Base):
    """A person who has opened the page of an account, with the last time when it was open."""

    __tablename__ = "visits"
    account_key: Mapped[str] = mapped_column(ForeignKey(AccountInReviewRow.key), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey(PersonRow.id), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)


class IdempotencyKeyRow(Base):
    """A request that a person sent with an idempotency key, and its response."""

    __tablename__ = "idempotency_keys"
    person_id: Mapped[int] = mapped_column(ForeignKey(PersonRow.id), primary_key=True)
    key: Mapped[str] = mapped_column(Digest, primary_key=True)
    request_digest: Mapped[str] = mapped_column(Digest)
    response: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class SkipRow(Base):
    """A person who skipped an account, with the reason: it does not return to that person's queue."""

    __tablename__ = "skips"
    account_key: Mapped[str] = mapped_column(ForeignKey(AccountInReviewRow.key), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey(PersonRow.id), primary_key=True)
    reason: Mapped[str] = mapped_column(KeptText)
    skipped_at: Mapped[datetime] = mapped_column(UtcTime)


class AppealRow(Base):
    """An appeal of the author against the decisions about an account, with the time until which it is due."""

    __tablename__ = "appeals"
    id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    account_key: Mapped[str] = mapped_column(ForeignKey(AccountInReviewRow.key), index=True)
    kind: Mapped[str] = mapped_column(Name)
    statement: Mapped[str] = mapped_column(KeptText)
    received_at: Mapped[datetime] = mapped_column(UtcTime)
    due_at: Mapped[datetime] = mapped_column(UtcTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    verdict: Mapped[str | None] = mapped_column(Name)


class NoteRow(Base):
    """The note that people keep on an account; a new text replaces it."""

    __tablename__ = "notes"
    account_key: Mapped[str] = mapped_column(ForeignKey(AccountInReviewRow.key), primary_key=True)
    text: Mapped[str] = mapped_column(KeptText)
    person_id: Mapped[int] = mapped_column(ForeignKey(PersonRow.id))
    written_at: Mapped[datetime] = mapped_column(UtcTime)


class FirstVerdictRow(Base):
    """The verdict of the first of two people about an account that many follow, until the second one decides."""

    __tablename__ = "first_verdicts"
    account_key: Mapped[str] = mapped_column(ForeignKey(AccountInReviewRow.key), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey(PersonRow.id))
    verdict: Mapped[str] = mapped_column(Name)
    policy: Mapped[str | None] = mapped_column(KeptText)
    ground: Mapped[str] = mapped_column(KeptText)
    state: Mapped[str] = mapped_column(String(64))
    seconds: Mapped[float | None] = mapped_column(Double)
    given_at: Mapped[datetime] = mapped_column(UtcTime)


class BulkDecisionRow(Base):
    """A decision about many accounts at once, which one undo withdraws."""

    __tablename__ = "bulk_decisions"
    id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    person_id: Mapped[int] = mapped_column(ForeignKey(PersonRow.id))
    verdict: Mapped[str] = mapped_column(Name)
    account_keys: Mapped[list[str]] = mapped_column(Json)
    decided_at: Mapped[datetime] = mapped_column(UtcTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcTime)


class StatementRow(Base):
    """A statement of reasons for the DSA transparency database, built with the decision."""

    __tablename__ = "statements"
    puid: Mapped[str] = mapped_column(Digest, primary_key=True)
    account_key: Mapped[str] = mapped_column(ForeignKey(AccountInReviewRow.key), index=True)
    decision_id: Mapped[int] = mapped_column(ForeignKey(DecisionRow.id), unique=True)
    content: Mapped[dict[str, Any]] = mapped_column(Json)
    built_at: Mapped[datetime] = mapped_column(UtcTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcTime)


class BlindVerdictRow(Base):
    """A verdict about a post whose score, reasons and earlier verdicts were hidden."""

    __tablename__ = "blind_verdicts"
    __table_args__ = (UniqueConstraint("assessment_key", "person_id"),)
    id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    assessment_key: Mapped[str] = mapped_column(ForeignKey(AssessmentRow.key))
    person_id: Mapped[int] = mapped_column(ForeignKey(PersonRow.id))
    kind: Mapped[str] = mapped_column(Name)
    verdict: Mapped[str] = mapped_column(Name)
    policy: Mapped[str | None] = mapped_column(KeptText)
    seconds: Mapped[float | None] = mapped_column(Double)
    given_at: Mapped[datetime] = mapped_column(UtcTime)


class GoldenItemRow(Base):
    """A post whose verdict is agreed on; people judge it blind among others."""

    __tablename__ = "golden_items"
    assessment_key: Mapped[str] = mapped_column(ForeignKey(AssessmentRow.key), primary_key=True)
    verdict: Mapped[str] = mapped_column(Name)
    person_id: Mapped[int] = mapped_column(ForeignKey(PersonRow.id))
    added_at: Mapped[datetime] = mapped_column(UtcTime)


Index("ix_statements_built_at_puid", StatementRow.built_at, StatementRow.puid)


class ThresholdRaiseRow(Base):
    """When the threshold of a risk bundle was raised on a platform, from what to what, and when a person ended that.

    `wrong` of `judged` flagged accounts were genuine, by blind verdicts.
    """

    __tablename__ = "threshold_raises"
    id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    platform_id: Mapped[str] = mapped_column(KeptText)
    risk_version: Mapped[str] = mapped_column(KeptText)
    policy: Mapped[str] = mapped_column(Name)
    before: Mapped[float] = mapped_column(Double)
    threshold: Mapped[float] = mapped_column(Double)
    wrong: Mapped[int] = mapped_column(BigInteger)
    judged: Mapped[int] = mapped_column(BigInteger)
    raised_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    ended_by: Mapped[str | None] = mapped_column(KeptText)
    reason: Mapped[str | None] = mapped_column(KeptText)
