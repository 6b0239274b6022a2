"""The tables. Identities of untrusted ids are digests (`identity.py`); other values are stored unchanged."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    and_,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from connectors.reviewdb.columns import Counter, Json, KeptText, UtcTime
from connectors.reviewdb.identity import DIGEST_CHARS

Digest = String(DIGEST_CHARS)
Name = String(32)


class Base(DeclarativeBase):
    """All tables of the review database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class AssessmentRow(Base):
    """One judgement of one text by one set of models. Append-only: a re-score with another model is a new row."""

    __tablename__ = "assessments"
    key: Mapped[str] = mapped_column(Digest, primary_key=True)
    flag_key: Mapped[str] = mapped_column(Digest, index=True)
    post_id_key: Mapped[str] = mapped_column(Digest, index=True, server_default=text("''"))
    platform_id: Mapped[str] = mapped_column(KeptText)
    post_id: Mapped[str] = mapped_column(KeptText)
    content_hash: Mapped[str] = mapped_column(KeptText)
    account_id: Mapped[str | None] = mapped_column(KeptText)
    event_time: Mapped[datetime | None] = mapped_column(UtcTime)
    synthetic_logit: Mapped[float | None] = mapped_column(Double)
    synthetic_score: Mapped[float | None] = mapped_column(Double)
    sections: Mapped[list[Any]] = mapped_column(Json)
    truncated: Mapped[bool] = mapped_column(Boolean)
    risk: Mapped[float | None] = mapped_column(Double)
    threshold: Mapped[float] = mapped_column(Double)
    flagged: Mapped[bool] = mapped_column(Boolean)
    families: Mapped[list[Any]] = mapped_column(Json)
    agreeing: Mapped[list[str]] = mapped_column(Json)
    reasons: Mapped[list[Any]] = mapped_column(Json)
    features_version: Mapped[str] = mapped_column(KeptText)
    detector_version: Mapped[str] = mapped_column(KeptText)
    risk_version: Mapped[str] = mapped_column(KeptText)
    graph_epoch: Mapped[int | None] = mapped_column(BigInteger)
    degraded: Mapped[list[str]] = mapped_column(Json)
    missing: Mapped[list[str]] = mapped_column(Json)
    scored_by: Mapped[str | None] = mapped_column(String(16))
    content_abstained: Mapped[str | None] = mapped_column(String(16))
    recorded_at: Mapped[datetime] = mapped_column(UtcTime)


class EvidenceRow(Base):
    """Evidence of an assessment: erased by account, deleted at `expires_at`.

    The bands are keys under which near-duplicate texts are found (`moderation/text/bands.py`); None for short texts.
    """

    __tablename__ = "evidence"
    assessment_key: Mapped[str] = mapped_column(ForeignKey(AssessmentRow.key), primary_key=True)
    post_key: Mapped[str] = mapped_column(Digest, index=True)
    account_key: Mapped[str | None] = mapped_column(Digest, index=True)
    text: Mapped[str] = mapped_column(KeptText)
    band_0: Mapped[int | None] = mapped_column(BigInteger, index=True)
    band_1: Mapped[int | None] = mapped_column(BigInteger, index=True)
    band_2: Mapped[int | None] = mapped_column(BigInteger, index=True)
    band_3: Mapped[int | None] = mapped_column(BigInteger, index=True)
    features: Mapped[list[float | None]] = mapped_column(Json)
    address_hash: Mapped[str | None] = mapped_column(KeptText, index=True)
    device_hash: Mapped[str | None] = mapped_column(KeptText)
    key_id: Mapped[str | None] = mapped_column(KeptText)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class FlagRow(Base):
    """A request for the judgement of a person; the first committed assessment of a post and text raises it, once.

    `risk` and `event_time` are those of the assessment, so that the flags of an account are ordered without it.
    """

    __tablename__ = "flags"
    id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(Digest, unique=True)
    post_key: Mapped[str] = mapped_column(Digest, index=True)
    account_key: Mapped[str | None] = mapped_column(Digest, index=True)
    assessment_key: Mapped[str] = mapped_column(ForeignKey(AssessmentRow.key))
    platform_id: Mapped[str] = mapped_column(KeptText)
    post_id: Mapped[str] = mapped_column(KeptText)
    content_hash: Mapped[str] = mapped_column(KeptText, index=True)
    account_id: Mapped[str | None] = mapped_column(KeptText)
    risk: Mapped[float | None] = mapped_column(Double)
    event_time: Mapped[datetime | None] = mapped_column(UtcTime)
    raised_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    retain_until: Mapped[datetime | None] = mapped_column(UtcTime)
    status: Mapped[str] = mapped_column(Name, server_default="open", index=True)
    version: Mapped[int] = mapped_column(BigInteger, server_default="0")


class DeletedPostRow(Base):
    """A deleted post, stored so that a later flag is marked too.

    Without an account it applies to the only account with a post of this id.
    """

    __tablename__ = "deleted_posts"
    post_key: Mapped[str] = mapped_column(Digest, primary_key=True)
    platform_id: Mapped[str] = mapped_column(KeptText)
    post_id: Mapped[str] = mapped_column(KeptText)
    account_id: Mapped[str | None] = mapped_column(KeptText)
    deleted_at: Mapped[datetime] = mapped_column(UtcTime)
    recorded_at: Mapped[datetime] = mapped_column(UtcTime)


class ErasedAccountRow(Base):
    """An account whose evidence was erased: evidence of its posts up to this time is never stored again.

    With its `number` (`identity.stored_number`) it is not stored as a neighbour of other accounts either.
    """

    __tablename__ = "erased_accounts"
    key: Mapped[str] = mapped_column(Digest, primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(UtcTime)
    number: Mapped[int | None] = mapped_column(BigInteger, index=True)


class PersonRow(Base):
    """A person who may use the console. Never deleted, because decisions and the audit log refer to people."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(Digest, unique=True)
    name: Mapped[str] = mapped_column(KeptText)
    role: Mapped[str] = mapped_column(Name)
    password_hash: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    preferences: Mapped[dict[str, Any]] = mapped_column(Json, server_default="{}")
    oidc_key: Mapped[str | None] = mapped_column(Digest, unique=True)


class SessionRow(Base):
    """A session of a person in a browser. The cookie holds the token, this row its digest."""

    __tablename__ = "sessions"
    token_digest: Mapped[str] = mapped_column(Digest, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey(PersonRow.id), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)


class ApiTokenRow(Base):
    """A token of a person for the API, as a digest, with the scopes that limit it further than the role."""

    __tablename__ = "api_tokens"
    id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    token_digest: Mapped[str] = mapped_column(Digest, unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey(PersonRow.id), index=True)
    name: Mapped[str] = mapped_column(KeptText)
    scopes: Mapped[list[str]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)


class AccountInReviewRow(Base):
    """An account with at least one flag: the unit of review and of the certificate.

    A flagged post without an account is a unit of its own, with the key of the post. `open_flags`, `risk`,
    `waiting_since`, `families` and `top_assessment` describe the open flags, so that the queue is read from an index;
    `risk`, `families` and `top_assessment` are those of the flag of highest risk. `disagreed_by` gave the first of two
    verdicts that differ, `escalated_by` the second. `number` is that of the account in the follow graph.
    """

    __tablename__ = "accounts_in_review"
    key: Mapped[str] = mapped_column(Digest, primary_key=True)
    platform_id: Mapped[str] = mapped_column(KeptText)
    account_id: Mapped[str | None] = mapped_column(KeptText)
    opened_at: Mapped[datetime] = mapped_column(UtcTime)
    open_flags: Mapped[int] = mapped_column(BigInteger, server_default="0")
    risk: Mapped[float] = mapped_column(Double, server_default="0")
    waiting_since: Mapped[datetime | None] = mapped_column(UtcTime)
    families: Mapped[list[str]] = mapped_column(Json, server_default="[]")
    top_assessment: Mapped[str | None] = mapped_column(Digest)
    claimed_by: Mapped[int | None] = mapped_column(ForeignKey(PersonRow.id))
    claimed_until: Mapped[datetime | None] = mapped_column(UtcTime)
    claimed_since: Mapped[datetime | None] = mapped_column(UtcTime)
    held_by: Mapped[int | None] = mapped_column(ForeignKey(PersonRow.id))
    held_until: Mapped[datetime | None] = mapped_column(UtcTime)
    held_reason: Mapped[str | None] = mapped_column(KeptText)
    appeal_due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    followers: Mapped[int | None] = mapped_column(BigInteger)
    escalated_at: Mapped[datetime | None] = mapped_column(UtcTime)
    escalated_by: Mapped[int | None] = mapped_column(ForeignKey(PersonRow.id))
    escalated_reason: Mapped[str | None] = mapped_column(KeptText)
    assigned_to: Mapped[int | None] = mapped_column(ForeignKey(PersonRow.id))
    disagreed_by: Mapped[int | None] = mapped_column(ForeignKey(PersonRow.id))
    number: Mapped[int | None] = mapped_column(BigInteger, index=True)


class AuditEntryRow(Base):
    """What a person did. Append-only; each digest covers the one before (`audit.py`).

    `details` and `salt` are emptied when the account is erased; their digest stays.
    """

    __tablename__ = "audit_log"
    id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(KeptText)
    action: Mapped[str] = mapped_column(Name)
    account_key: Mapped[str | None] = mapped_column(Digest, index=True)
    details: Mapped[dict[str, Any] | None] = mapped_column(Json)
    salt: Mapped[str | None] = mapped_column(Digest)
    details_digest: Mapped[str] = mapped_column(Digest)
    digest: Mapped[str] = mapped_column(Digest)


class AuditHeadRow(Base):
    """The end of the audit log, in one row whose lock puts the entries in order."""

    __tablename__ = "audit_head"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last_id: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(Digest)


class DecisionRow(Base):
    """The decision of a person about a flag. Append-only; `version` numbers the decisions of a flag from 1.

    `seconds` is the time from the claim to the decision; `sent_at` and `refused_reason` are marks of the relay.
    """

    __tablename__ = "decisions"
    __table_args__ = (UniqueConstraint("flag_id", "version"),)
    id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    flag_id: Mapped[int] = mapped_column(ForeignKey(FlagRow.id))
    version: Mapped[int] = mapped_column(BigInteger)
    who: Mapped[str] = mapped_column(KeptText)
    role: Mapped[str] = mapped_column(Name)
    decided_at: Mapped[datetime] = mapped_column(UtcTime)
    verdict: Mapped[str] = mapped_column(Name)
    ground: Mapped[str] = mapped_column(KeptText)
    supersedes: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"))
    seconds: Mapped[float | None] = mapped_column(Double)
    policy: Mapped[str | None] = mapped_column(KeptText)
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    refused_reason: Mapped[str | None] = mapped_column(KeptText)


class LabelRow(Base):
    """An external verdict, for audit and training; never a feature of its subject."""

    __tablename__ = "labels"
    event_key: Mapped[str] = mapped_column(KeptText, primary_key=True)
    platform_id: Mapped[str] = mapped_column(KeptText)
    post_id: Mapped[str | None] = mapped_column(KeptText)
    account_id: Mapped[str | None] = mapped_column(KeptText)
    post_key: Mapped[str | None] = mapped_column(Digest, index=True)
    account_key: Mapped[str | None] = mapped_column(Digest, index=True)
    verdict: Mapped[str] = mapped_column(Name)
    given_at: Mapped[datetime] = mapped_column(UtcTime)
    source: Mapped[str] = mapped_column(KeptText)
    recorded_at: Mapped[datetime] = mapped_column(UtcTime)


class AuditSampleRow(Base):
    """A post of the audit sample, with the probability of its draw and its stratum."""

    __tablename__ = "audit_samples"
    flag_key: Mapped[str] = mapped_column(Digest, primary_key=True)
    assessment_key: Mapped[str] = mapped_column(ForeignKey(AssessmentRow.key))
    probability: Mapped[float] = mapped_column(Double)
    stratum: Mapped[str] = mapped_column(KeptText)
    drawn_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class LedgerRow(Base):
    """The position of one pipeline in one partition, and the owner that may write."""

    __tablename__ = "ledger"
    key: Mapped[str] = mapped_column(Digest, primary_key=True)
    pipeline: Mapped[str] = mapped_column(KeptText)
    cluster_id: Mapped[str] = mapped_column(KeptText)
    topic: Mapped[str] = mapped_column(KeptText)
    topic_id: Mapped[str] = mapped_column(KeptText)
    partition: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int | None] = mapped_column(BigInteger)
    epoch: Mapped[int] = mapped_column(BigInteger)
    owner: Mapped[str] = mapped_column(KeptText)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class LeaseRow(Base):
    """The current owner of a pipeline, and the expiry of its lease by the clock of the database."""

    __tablename__ = "leases"
    key: Mapped[str] = mapped_column(Digest, primary_key=True)
    pipeline: Mapped[str] = mapped_column(KeptText)
    owner: Mapped[str] = mapped_column(KeptText)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)


class OutboxRecord(Base):
    """A dead letter that waits to be relayed, was refused by its topic, was relayed, or was erased.

    When it is relayed, its bytes are deleted. When it is erased, by account or by age, its reason is deleted too. Its
    origin stays, so that it is never sent again.
    """

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    origin_key: Mapped[str] = mapped_column(Digest, unique=True)
    cluster_id: Mapped[str] = mapped_column(KeptText)
    topic: Mapped[str] = mapped_column(KeptText)
    topic_id: Mapped[str] = mapped_column(KeptText)
    partition: Mapped[int] = mapped_column(BigInteger)
    offset: Mapped[int] = mapped_column(BigInteger)
    timestamp_ms: Mapped[int | None] = mapped_column(BigInteger)
    record_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    record_value: Mapped[bytes | None] = mapped_column(LargeBinary)
    record_headers: Mapped[list[Any] | None] = mapped_column(Json)
    stage: Mapped[str] = mapped_column(Name)
    reason: Mapped[str] = mapped_column(KeptText)
    recorded_at: Mapped[datetime] = mapped_column(UtcTime)
    relayed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    refused_at: Mapped[datetime | None] = mapped_column(UtcTime)
    refused_reason: Mapped[str | None] = mapped_column(KeptText)
    account_key: Mapped[str | None] = mapped_column(Digest, index=True)
    erased_at: Mapped[datetime | None] = mapped_column(UtcTime)


_WAITING = and_(OutboxRecord.relayed_at.is_(None), OutboxRecord.refused_at.is_(None), OutboxRecord.erased_at.is_(None))
Index("ix_outbox_waiting", OutboxRecord.id, sqlite_where=_WAITING, postgresql_where=_WAITING)

_UNSENT = and_(DecisionRow.sent_at.is_(None), DecisionRow.refused_reason.is_(None))
Index("ix_decisions_unsent", DecisionRow.id, sqlite_where=_UNSENT, postgresql_where=_UNSENT)

_REFUSED = text("refused_reason IS NOT NULL")
Index("ix_decisions_refused", DecisionRow.flag_id, sqlite_where=_REFUSED, postgresql_where=_REFUSED)
Index("ix_decisions_decided_at", DecisionRow.decided_at)
Index("ix_decisions_supersedes", DecisionRow.supersedes)

_QUEUED = AccountInReviewRow.open_flags > 0
Index(
    "ix_accounts_in_review_queue",
    AccountInReviewRow.risk.desc(),
    AccountInReviewRow.waiting_since,
    AccountInReviewRow.key,
    sqlite_where=_QUEUED,
    postgresql_where=_QUEUED,
)
Index("ix_accounts_in_review_families", AccountInReviewRow.families, sqlite_where=_QUEUED, postgresql_where=_QUEUED)
for _column in (
    AccountInReviewRow.claimed_by,
    AccountInReviewRow.assigned_to,
    AccountInReviewRow.escalated_at,
):
    _marked = _column.is_not(None)
    Index(f"ix_accounts_in_review_{_column.key}", _column, sqlite_where=_marked, postgresql_where=_marked)
_APPEALED = AccountInReviewRow.appeal_due_at.is_not(None)
Index(
    "ix_accounts_in_review_appeals",
    AccountInReviewRow.appeal_due_at,
    AccountInReviewRow.key,
    sqlite_where=_APPEALED,
    postgresql_where=_APPEALED,
)
