"""One account in review with all that a reviewer needs: flags, evidence, decisions, claim and state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from connectors.reviewdb.engine import at_edge, one_view
from connectors.reviewdb.identity import account_key
from connectors.reviewdb.in_review import flags_of
from connectors.reviewdb.models import (
    AccountInReviewRow,
    AssessmentRow,
    DecisionRow,
    EvidenceRow,
    FlagRow,
    LabelRow,
)
from connectors.reviewdb.quota import HOLDER
from connectors.reviewdb.review_models import FirstVerdictRow
from connectors.reviewdb.statements import table_of
from moderation.effects import FamilyEvidence, Reason, SectionEvidence
from moderation.errors import InputError
from moderation.features.catalogue import COLUMN, FEATURES_VERSION
from moderation.review.account_decisions import account_state
from moderation.review.appeals import Appeal, appeals_of
from moderation.review.claims import unknown_account
from moderation.review.linked import Linked, linked_accounts
from moderation.review.notes import Note, note_of
from moderation.review.permissions import Actor
from moderation.review.pseudonyms import ShownNames, name_of
from moderation.review.queries import no_flag
from moderation.review.refusals import InvalidValue

FLAGS, DECISIONS, IN_REVIEW, LABELS = (table_of(row) for row in (FlagRow, DecisionRow, AccountInReviewRow, LabelRow))
SHOWN_FLAGS = 10
LARGEST_OFFSET = 10_000
SHOWN_DECISIONS = 50
SHOWN_TIMES = 400
"""Newest flagged posts on the timeline."""
OWN_TEXTS = 8
"""Texts of the account that are compared with those of others."""


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


@dataclass(frozen=True)
class AccountDecisionMade:
    """Decisions that one person made at once about flags of the account."""

    who: str
    role: str
    decided_at: datetime
    verdict: str
    ground: str
    flags: int
    policy: str | None = None


@dataclass(frozen=True)
class AccountLabel:
    """An external verdict on the account or one of its posts."""

    verdict: str
    given_at: datetime
    source: str
    about: str


@dataclass(frozen=True)
class TimelinePoint:
    """A flagged post on the timeline."""

    at: datetime
    risk: float
    status: str


@dataclass(frozen=True)
class Account:
    """An account in review. `flags` are the open ones first, of highest risk, at most SHOWN_FLAGS of `flag_count`."""

    key: str
    platform_id: str
    account_id: str | None
    opened_at: datetime
    open_flags: int
    risk: float
    waiting_since: datetime | None
    claimed_by: str | None
    claimed_until: datetime | None
    held_by: str | None
    held_until: datetime | None
    held_reason: str | None
    state: str
    flag_count: int
    flags: tuple[AccountFlag, ...]
    decisions: tuple[AccountDecisionMade, ...]
    labels: tuple[AccountLabel, ...]
    timeline: tuple[TimelinePoint, ...]
    appeals: tuple[Appeal, ...]
    followers: int | None = None
    escalated_at: datetime | None = None
    escalated_by: str | None = None
    escalated_reason: str | None = None
    assigned_to: str | None = None
    disagreed_by: str | None = None
    """Who gave the first of two verdicts that differ; `escalated_by` gave the second."""
    first_verdict_by: str | None = None
    """Who has given the first of two verdicts, which is hidden until the second one."""
    note: Note | None = None
    linked: Linked = field(default_factory=Linked)
    values: Mapping[str, float] = field(default_factory=dict)
    """Features of the flag of highest risk by name; without those that are missing, and empty where none are kept."""


def read_account(engine: Engine, actor: Actor, key: str, now: datetime) -> Account:
    """Return an account as one consistent view, with names as the actor sees them.

    Raises UnknownAccount and ConnectionLost.
    """
    with at_edge(engine), one_view(engine) as connection:
        row = connection.execute(select(IN_REVIEW).where(IN_REVIEW.c.key == key)).one_or_none()
        if row is None:
            raise unknown_account(key)
        flags = tuple(_flag(found) for found in connection.execute(_flags(key)))

        def name(person_id: int | None) -> str | None:
            return None if person_id is None else name_of(connection, actor, person_id)

        claimed = row.claimed_by is not None and row.claimed_until > now
        held = row.held_until is not None and row.held_until > now
        return Account(
            key=row.key,
            platform_id=row.platform_id,
            account_id=row.account_id,
            opened_at=row.opened_at,
            open_flags=row.open_flags,
            risk=row.risk,
            waiting_since=row.waiting_since,
            claimed_by=name(row.claimed_by) if claimed else None,
            claimed_until=row.claimed_until if claimed else None,
            held_by=(name(row.held_by) or HOLDER) if held else None,
            held_until=row.held_until if held else None,
            held_reason=row.held_reason if held else None,
            state=account_state(connection, key),
            flag_count=_flag_count(connection, key),
            flags=flags,
            decisions=_decisions(connection, ShownNames(connection, actor), key),
            labels=_labels(connection, key),
            timeline=_timeline(connection, key),
            appeals=appeals_of(connection, key),
            followers=row.followers,
            escalated_at=row.escalated_at,
            escalated_by=name(row.escalated_by),
            escalated_reason=row.escalated_reason,
            assigned_to=name(row.assigned_to),
            disagreed_by=name(row.disagreed_by),
            first_verdict_by=name(_first_person(connection, key)),
            note=note_of(connection, actor, key),
            linked=linked_accounts(connection, key, [flag.text for flag in flags[:OWN_TEXTS] if flag.text]),
            values=_values(connection, flags[0].id) if flags else {},
        )


def read_flags(engine: Engine, key: str, offset: int) -> tuple[tuple[AccountFlag, ...], int]:
    """Return the flags of an account from an offset on, at most SHOWN_FLAGS, and the number of all.

    Open ones come first, then by risk. Raises UnknownAccount, and InvalidValue for an offset that is out of range.
    """
    if not 0 <= offset <= LARGEST_OFFSET:
        raise InvalidValue(f"offset must be from 0 to {LARGEST_OFFSET:,}, got {offset}")
    with at_edge(engine), one_view(engine) as connection:
        if connection.scalar(select(IN_REVIEW.c.key).where(IN_REVIEW.c.key == key)) is None:
            raise unknown_account(key)
        flags = tuple(_flag(found) for found in connection.execute(_flags(key, offset)))
        return flags, _flag_count(connection, key)


def compared_texts(connection: Connection, key: str) -> list[str]:
    """Return the texts of an account that are compared with those of others."""
    found = connection.scalars(_flags(key).with_only_columns(EvidenceRow.text).limit(OWN_TEXTS))
    return [text for text in found if text]


def find_account(engine: Engine, platform_id: str, account_id: str) -> str | None:
    """Return the key of an account in review, None where it has no flag."""
    key = account_key(platform_id, account_id)
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        return connection.scalar(select(IN_REVIEW.c.key).where(IN_REVIEW.c.key == key))


def account_line(engine: Engine, key: str) -> tuple[str | None, str | None]:
    """Return id and last verdict of an account in review; None where it has none. Raises UnknownAccount."""
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        row = connection.execute(select(IN_REVIEW.c.account_id).where(IN_REVIEW.c.key == key)).one_or_none()
        if row is None:
            raise unknown_account(key)
        query = select(DECISIONS.c.verdict).join(FLAGS, FLAGS.c.id == DECISIONS.c.flag_id).where(flags_of(key))
        return row.account_id, connection.scalar(query.order_by(DECISIONS.c.id.desc()).limit(1))


def flag_text(engine: Engine, flag_id: int) -> tuple[str, str]:
    """Return the account key and the text of a flag. Raises InputError where there is no flag or no text any more."""
    query = select(FLAGS.c.account_key, FLAGS.c.post_key, EvidenceRow.text)
    query = query.outerjoin(EvidenceRow, EvidenceRow.assessment_key == FLAGS.c.assessment_key)
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        row = connection.execute(query.where(FLAGS.c.id == flag_id)).one_or_none()
    if row is None:
        raise no_flag(flag_id)
    if row.text is None:
        raise InputError(f"the text of flag {flag_id} is no longer kept: it has expired or was erased")
    return row.account_key or row.post_key, row.text


def _flags(key: str, offset: int = 0) -> Any:
    """Return the query of a page of flags; they are chosen first, without their wide columns."""
    joined = AssessmentRow.key == FLAGS.c.assessment_key
    order = ((FLAGS.c.status == "open").desc(), func.coalesce(AssessmentRow.risk, 0).desc(), FLAGS.c.id)
    chosen = select(FLAGS.c.id).join(AssessmentRow, joined).where(flags_of(key)).order_by(*order)
    chosen = chosen.limit(SHOWN_FLAGS).offset(offset)
    columns = (AssessmentRow.__table__.c[name] for name in ASSESSED)
    query = select(FLAGS, *columns, EvidenceRow.text, EvidenceRow.expires_at).join(AssessmentRow, joined)
    query = query.outerjoin(EvidenceRow, EvidenceRow.assessment_key == FLAGS.c.assessment_key)
    return query.where(FLAGS.c.id.in_(chosen.scalar_subquery())).order_by(*order)


ASSESSED = (
    *("event_time", "risk", "threshold", "synthetic_score", "content_abstained", "truncated", "families", "agreeing"),
    *("reasons", "sections", "degraded", "missing", "risk_version"),
)
"""Columns of the assessment that are shown."""


def _flag(row: Any) -> AccountFlag:
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


def _flag_count(connection: Connection, key: str) -> int:
    return connection.scalar(select(func.count()).where(flags_of(key))) or 0


def _decisions(connection: Connection, names: ShownNames, key: str) -> tuple[AccountDecisionMade, ...]:
    """Return the decisions, newest first; those of one person at one time are one."""
    columns = [DECISIONS.c[name] for name in ("who", "role", "decided_at", "verdict", "ground", "policy")]
    query = select(*columns, func.count().label("flags"))
    query = query.join(FLAGS, FLAGS.c.id == DECISIONS.c.flag_id).where(flags_of(key)).group_by(*columns)
    query = query.order_by(DECISIONS.c.decided_at.desc(), func.max(DECISIONS.c.id).desc()).limit(SHOWN_DECISIONS)
    rows = connection.execute(query).mappings()
    return tuple(AccountDecisionMade(**{**row, "who": names.of(row["who"])}) for row in rows)


def _labels(connection: Connection, key: str) -> tuple[AccountLabel, ...]:
    posts = select(FLAGS.c.post_key).where(flags_of(key))
    query = select(LABELS).where((LABELS.c.account_key == key) | LABELS.c.post_key.in_(posts))
    rows = connection.execute(query.order_by(LABELS.c.given_at.desc()).limit(SHOWN_DECISIONS))
    return tuple(
        AccountLabel(row.verdict, row.given_at, row.source, "account" if row.post_key is None else "post")
        for row in rows
    )


def _timeline(connection: Connection, key: str) -> tuple[TimelinePoint, ...]:
    query = select(func.coalesce(AssessmentRow.event_time, FLAGS.c.raised_at), AssessmentRow.risk, FLAGS.c.status)
    query = query.join(AssessmentRow, AssessmentRow.key == FLAGS.c.assessment_key).where(flags_of(key))
    rows = connection.execute(query.order_by(FLAGS.c.id.desc()).limit(SHOWN_TIMES))
    return tuple(TimelinePoint(at, risk or 0.0, status) for at, risk, status in rows)


def _first_person(connection: Connection, key: str) -> int | None:
    query = select(FirstVerdictRow.person_id).where(FirstVerdictRow.account_key == key)
    return connection.scalar(query)


def _values(connection: Connection, flag_id: int) -> dict[str, float]:
    """Return the features of a flag; those of another version of the catalogue have other columns."""
    query = select(EvidenceRow.features).join(AssessmentRow, AssessmentRow.key == EvidenceRow.assessment_key)
    query = query.join(FLAGS, FLAGS.c.assessment_key == AssessmentRow.key)
    wanted = (FLAGS.c.id == flag_id, AssessmentRow.features_version == FEATURES_VERSION)
    stored = connection.scalar(query.where(*wanted)) or []
    if len(stored) != len(COLUMN):
        return {}
    return {name: value for name, value in zip(COLUMN, stored, strict=True) if value is not None}
