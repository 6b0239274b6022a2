"""One account in review with all that a reviewer needs: flags, evidence, decisions, claim and state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine, func, select

from connectors.reviewdb.engine import at_edge, one_view
from connectors.reviewdb.identity import account_key
from connectors.reviewdb.in_review import flags_of
from connectors.reviewdb.models import AccountInReviewRow, DecisionRow, FlagRow, LabelRow
from connectors.reviewdb.quota import HOLDER
from connectors.reviewdb.review_models import FirstVerdictRow, NoteRow
from connectors.reviewdb.statements import table_of
from moderation.review.account_decisions import account_totals
from moderation.review.account_flags import KEY, OWN_TEXTS, AccountFlag, flag_of, flag_rows, values_of
from moderation.review.appeals import Appeal, appeals_of
from moderation.review.claims import unknown_account
from moderation.review.linked import Linked, linked_accounts
from moderation.review.neighbourhood import Neighbourhood, neighbourhood
from moderation.review.notes import Note
from moderation.review.permissions import Actor
from moderation.review.pseudonyms import ShownNames, name_of

FLAGS, DECISIONS, IN_REVIEW, LABELS, FIRST, NOTES = (
    table_of(row) for row in (FlagRow, DecisionRow, AccountInReviewRow, LabelRow, FirstVerdictRow, NoteRow)
)
SHOWN_DECISIONS = 50
SHOWN_TIMES = 400
"""Newest flagged posts on the timeline."""


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
    neighbourhood: Neighbourhood = field(default_factory=Neighbourhood)
    values: Mapping[str, float] = field(default_factory=dict)
    """Features of the flag of highest risk by name; without those that are missing, and empty where none are kept."""


def read_account(engine: Engine, actor: Actor, key: str, now: datetime) -> Account:
    """Return an account as one consistent view, with names as the actor sees them.

    Raises UnknownAccount and ConnectionLost.
    """
    with at_edge(engine), one_view(engine) as connection:
        row = connection.execute(_ACCOUNT, {"key": key}).one_or_none()
        if row is None:
            raise unknown_account(key)
        rows = flag_rows(connection, key)
        flags = tuple(map(flag_of, rows))
        flag_count, state = account_totals(connection, key)

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
            state=state,
            flag_count=flag_count,
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
            first_verdict_by=name(row.first_person),
            note=None if row.note is None else Note(row.note, name(row.note_by) or "", row.noted_at),
            linked=linked_accounts(connection, key, [flag.text for flag in flags[:OWN_TEXTS] if flag.text]),
            neighbourhood=neighbourhood(connection, key, row.platform_id, row.number),
            values=values_of(rows[0]) if rows else {},
        )


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


def _decisions(connection: Connection, names: ShownNames, key: str) -> tuple[AccountDecisionMade, ...]:
    """Return the decisions, newest first; those of one person at one time are one."""
    rows = connection.execute(_DECISIONS, {"key": key}).mappings()
    return tuple(AccountDecisionMade(**{**row, "who": names.of(row["who"])}) for row in rows)


def _labels(connection: Connection, key: str) -> tuple[AccountLabel, ...]:
    return tuple(
        AccountLabel(row.verdict, row.given_at, row.source, "account" if row.post_key is None else "post")
        for row in connection.execute(_LABELS, {"key": key})
    )


def _timeline(connection: Connection, key: str) -> tuple[TimelinePoint, ...]:
    rows = connection.execute(_TIMES, {"key": key})
    return tuple(TimelinePoint(at, risk or 0.0, status) for at, risk, status in rows)


_ACCOUNT = (
    select(IN_REVIEW, FIRST.c.person_id.label("first_person"))
    .add_columns(NOTES.c.text.label("note"), NOTES.c.person_id.label("note_by"), NOTES.c.written_at.label("noted_at"))
    .outerjoin(FIRST, FIRST.c.account_key == IN_REVIEW.c.key)
    .outerjoin(NOTES, NOTES.c.account_key == IN_REVIEW.c.key)
    .where(IN_REVIEW.c.key == KEY)
)
_DECIDED = tuple(DECISIONS.c[name] for name in ("who", "role", "decided_at", "verdict", "ground", "policy"))
_DECISIONS = (
    select(*_DECIDED, func.count().label("flags"))
    .join(FLAGS, FLAGS.c.id == DECISIONS.c.flag_id)
    .where(flags_of(KEY))
    .group_by(*_DECIDED)
    .order_by(DECISIONS.c.decided_at.desc(), func.max(DECISIONS.c.id).desc())
    .limit(SHOWN_DECISIONS)
)
_LABELS = (
    select(LABELS)
    .where((LABELS.c.account_key == KEY) | LABELS.c.post_key.in_(select(FLAGS.c.post_key).where(flags_of(KEY))))
    .order_by(LABELS.c.given_at.desc())
    .limit(SHOWN_DECISIONS)
)
_TIMES = (
    select(func.coalesce(FLAGS.c.event_time, FLAGS.c.raised_at), FLAGS.c.risk, FLAGS.c.status)
    .where(flags_of(KEY))
    .order_by(FLAGS.c.id.desc())
    .limit(SHOWN_TIMES)
)
