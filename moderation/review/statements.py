"""Statements of reasons: built in the transaction of a decision, and listed for export."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine, and_, or_, select, update

from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import AssessmentRow, DecisionRow, FlagRow
from connectors.reviewdb.review_models import StatementRow
from connectors.reviewdb.statements import insert_into, table_of
from moderation.review.refusals import InvalidValue
from moderation.review.statement_model import Statement
from moderation.settings.statements import StatementSettings

STATEMENTS, FLAGS, DECISIONS, ASSESSMENTS = (
    table_of(row) for row in (StatementRow, FlagRow, DecisionRow, AssessmentRow)
)
SIGNALS = {
    "content": "its texts",
    "typing": "the way it types",
    "network": "its network",
    "graph": "its connections",
    "account": "its history",
    "coordination": "what it posts together with other accounts",
}
PAGE = 1_000
Way = Literal["one", "two", "many"]
"""How people decided: one person or two about this account, or one person about many accounts at once."""
DECIDED: dict[Way, str] = {
    "one": "A person looked at the evidence and decided",
    "two": "Two people looked at the evidence, one after the other, and decided",
    "many": "A person decided about this and other accounts together, from a list with their risk,",
}


@dataclass(frozen=True)
class StatementPage:
    """Statements, oldest first; `next_after` continues after them and is None at the end."""

    statements: tuple[dict[str, Any], ...]
    next_after: str | None


@dataclass(frozen=True)
class WithdrawnStatement:
    """A statement that no longer holds: who has sent it to the transparency database withdraws it there."""

    puid: str
    withdrawn_at: datetime


def update_statements(
    connection: Connection,
    key: str,
    decisions: Sequence[Any],
    asked: StatementSettings,
    now: datetime,
    way: Way = "one",
) -> None:
    """Build the statement of a recorded decision where it confirms, and withdraw those that it replaces.

    *decisions* are the recorded decisions about the flags of one account, with their ids; *way* is how people decided.
    """
    numbers = [one.id for one in decisions]
    flags = select(DECISIONS.c.flag_id).where(DECISIONS.c.id.in_(numbers))
    replaced = select(DECISIONS.c.id).where(DECISIONS.c.flag_id.in_(flags), DECISIONS.c.id.not_in(numbers))
    live = and_(STATEMENTS.c.decision_id.in_(replaced), STATEMENTS.c.withdrawn_at.is_(None))
    connection.execute(update(STATEMENTS).where(live).values(withdrawn_at=now))
    if not asked.ground_text or decisions[0].verdict != "confirmed":
        return
    built = build_statement(connection, numbers, asked, now, way)
    content = built.model_dump(mode="json", exclude_none=True)
    row = {"puid": built.puid, "account_key": key, "decision_id": min(numbers), "content": content, "built_at": now}
    connection.execute(insert_into(connection, StatementRow).values(row).on_conflict_do_nothing())


def build_statement(
    connection: Connection, decisions: Sequence[int], asked: StatementSettings, now: datetime, way: Way
) -> Statement:
    """Return the statement about flags with these decisions. Its id is random, because a digest could be guessed."""
    query = select(ASSESSMENTS.c.event_time, ASSESSMENTS.c.agreeing).select_from(DECISIONS)
    query = query.join(FLAGS, FLAGS.c.id == DECISIONS.c.flag_id)
    query = query.join(ASSESSMENTS, ASSESSMENTS.c.key == FLAGS.c.assessment_key)
    rows = connection.execute(query.where(DECISIONS.c.id.in_(decisions))).all()
    written = min((row.event_time for row in rows if row.event_time is not None), default=now)
    illegal = asked.decision_ground == "DECISION_GROUND_ILLEGAL_CONTENT"
    ground, explanation = asked.ground_text, asked.explanation
    return Statement(
        puid=secrets.token_hex(16),
        decision_visibility=asked.visibility,
        decision_provision=asked.provision,
        decision_account=asked.account,
        decision_ground=asked.decision_ground,
        incompatible_content_ground=None if illegal else ground,
        incompatible_content_explanation=None if illegal else explanation,
        illegal_content_legal_ground=ground if illegal else None,
        illegal_content_explanation=explanation if illegal else None,
        category=asked.category,
        category_specification=asked.keywords,
        territorial_scope=asked.territorial_scope,
        content_date=written.date(),
        application_date=now.date(),
        decision_facts=_facts(len(rows), {name for row in rows for name in row.agreeing}, way),
    )


def list_statements(
    engine: Engine, *, after: str | None = None, limit: int = PAGE, since: datetime | None = None
) -> StatementPage:
    """Return a page of the statements that were not withdrawn. Raises InvalidValue for an unknown *after*."""
    query = select(STATEMENTS).where(STATEMENTS.c.withdrawn_at.is_(None))
    if since is not None:
        query = query.where(STATEMENTS.c.built_at >= since)
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        if after is not None:
            at = connection.scalar(select(STATEMENTS.c.built_at).where(STATEMENTS.c.puid == after))
            if at is None:
                raise InvalidValue(f"there is no statement {after[:64]!r}; leave `after` out to begin again")
            later = and_(STATEMENTS.c.built_at == at, STATEMENTS.c.puid > after)
            query = query.where(or_(STATEMENTS.c.built_at > at, later))
        order = (STATEMENTS.c.built_at, STATEMENTS.c.puid)
        rows = connection.execute(query.order_by(*order).limit(limit)).all()
    return StatementPage(tuple(row.content for row in rows), rows[-1].puid if len(rows) == limit else None)


def withdrawn_statements(engine: Engine, since: datetime | None, limit: int | None = None) -> list[WithdrawnStatement]:
    """Return the withdrawn statements, those that were withdrawn first at the beginning."""
    row = STATEMENTS.c
    query = select(row.puid, row.withdrawn_at).where(row.withdrawn_at.is_not(None))
    if since is not None:
        query = query.where(row.withdrawn_at >= since)
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        found = connection.execute(query.order_by(row.withdrawn_at, row.puid).limit(limit)).all()
    return [WithdrawnStatement(one.puid, one.withdrawn_at) for one in found]


def all_statements(engine: Engine, since: datetime | None) -> Iterator[dict[str, Any]]:
    """Yield the statements that were not withdrawn, oldest first."""
    after: str | None = None
    while True:
        page = list_statements(engine, after=after, since=since)
        yield from page.statements
        after = page.next_after
        if after is None:
            return


def _facts(posts: int, families: set[str], way: Way) -> str:
    signals = [words for name, words in SIGNALS.items() if name in families]
    listed = f"{', '.join(signals[:-1])} and {signals[-1]}" if len(signals) > 1 else "".join(signals)
    return (
        f"Automated means flagged {posts} post{'s' if posts != 1 else ''} of one account for human review, because "
        f"{listed or 'its signals'} are unusual together. {DECIDED[way]} that the account takes part in a "
        "machine-written campaign."
    )
