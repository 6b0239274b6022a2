"""Appeals of authors against decisions: due in 48 hours, decided by another person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from sqlalchemy import Connection, Engine, String, bindparam, insert, select, update

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.in_review import flags_of
from connectors.reviewdb.models import AccountInReviewRow, FlagRow
from connectors.reviewdb.review_models import AppealRow
from connectors.reviewdb.statements import table_of
from moderation.review.claims import locked_account
from moderation.review.decisions import DecisionRefused
from moderation.review.permissions import Actor
from moderation.review.refusals import InvalidValue

APPEALS, IN_REVIEW, FLAGS = table_of(AppealRow), table_of(AccountInReviewRow), table_of(FlagRow)
DUE_IN = timedelta(hours=48)
MAX_STATEMENT_CHARS = 10_000
Kind = Literal["own_text", "translator", "assistive", "other"]
KINDS: tuple[str, ...] = get_args(Kind)
KIND_WORDS = {
    "own_text": "The author wrote the text without help.",
    "translator": "The author used a translator.",
    "assistive": "The author used assistive writing or input.",
    "other": "The author gives another reason.",
}
"""What an author states; a reason for care, never evidence."""


@dataclass(frozen=True)
class NewAppeal:
    """An appeal to record. Raises InvalidValue for an unknown kind and for a statement that is empty or too long."""

    key: str
    kind: str
    statement: str

    def __post_init__(self) -> None:
        """Check the values."""
        if self.kind not in KINDS:
            raise InvalidValue(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if not self.statement.strip() or len(self.statement) > MAX_STATEMENT_CHARS:
            raise InvalidValue(f"the statement must have 1 to {MAX_STATEMENT_CHARS} characters")


@dataclass(frozen=True)
class Appeal:
    """An appeal; `decided_at` and `verdict` are None until it is decided."""

    id: int
    kind: str
    statement: str
    received_at: datetime
    due_at: datetime
    decided_at: datetime | None
    verdict: str | None


def receive_appeal(engine: Engine, actor: Actor, new: NewAppeal, now: datetime) -> Appeal:
    """Record an appeal.

    Raises UnknownAccount, and DecisionRefused where there is no decision or an appeal is open.
    """
    due = now + DUE_IN
    with at_edge(engine), engine.begin() as connection:
        row = locked_account(connection, new.key)
        if row.appeal_due_at is not None:
            raise DecisionRefused("an appeal of this account is open already; it is decided first")
        decided = select(FLAGS.c.id).where(flags_of(new.key), FLAGS.c.status != "open").limit(1)
        if connection.scalar(decided) is None:
            raise DecisionRefused("there is no decision about this account, so there is nothing to appeal")
        values = {"kind": new.kind, "statement": new.statement, "received_at": now, "due_at": due}
        statement = insert(APPEALS).values(account_key=new.key, **values).returning(APPEALS.c.id)
        number = connection.execute(statement).scalar_one()
        connection.execute(update(IN_REVIEW).where(IN_REVIEW.c.key == new.key).values(appeal_due_at=due))
        append(connection, Entry(now, actor.name, "appeal_received", new.key, {"appeal": number, "kind": new.kind}))
    return Appeal(number, new.kind, new.statement, now, due, None, None)


def appeals_of(connection: Connection, key: str) -> tuple[Appeal, ...]:
    """Return the appeals of an account, newest first."""
    return tuple(Appeal(**row) for row in connection.execute(_OF_ACCOUNT, {"key": key}).mappings())


_OF_ACCOUNT = (
    select(*(APPEALS.c[name] for name in Appeal.__dataclass_fields__))
    .where(APPEALS.c.account_key == bindparam("key", type_=String))
    .order_by(APPEALS.c.id.desc())
)
