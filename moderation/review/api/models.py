"""What the API accepts and returns, beside the values of the rules of review."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from moderation.effects import Verdict
from moderation.review.account_flags import AccountFlag
from moderation.review.accounts import Account
from moderation.review.appeals import MAX_STATEMENT_CHARS, Kind
from moderation.review.decisions import MAX_GROUND_CHARS
from moderation.review.explanation import Explained
from moderation.review.notes import MAX_NOTE_CHARS
from moderation.review.people import MAX_NAME_CHARS
from moderation.review.saved_filters import MAX_NAME_CHARS as MAX_FILTER_NAME_CHARS

AccountKey = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
MOST_MEMBERS = 200
"""Largest value of console.bulk_limit."""


class Sent(BaseModel):
    """Base of what is sent: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class SentPolicy(Sent):
    """Base of a verdict."""

    policy: str = Field(
        default="", max_length=64, description="the policy that is broken, one of console.policies, with `confirmed`"
    )


class SentDecision(SentPolicy):
    """A decision about all open flags of an account."""

    state: str = Field(description="`state` of the account that the person saw", max_length=64)
    verdict: Verdict
    ground: str = Field(description="what was seen, and which rule it meets", min_length=1, max_length=MAX_GROUND_CHARS)


class SentWithdrawal(Sent):
    """The withdrawal of the own last decision."""

    ground: str = Field(description="why it is withdrawn", min_length=1, max_length=MAX_GROUND_CHARS)


class SentManyWithdrawal(SentWithdrawal):
    """The withdrawal of a decision about many accounts."""

    keys: list[AccountKey] | None = Field(
        default=None,
        description="accounts of the decision; leave it out for all",
        min_length=1,
        max_length=MOST_MEMBERS,
    )


class SentReason(Sent):
    """Why an account is skipped."""

    reason: str = Field(min_length=1, max_length=1_000)


class SentFilter(Sent):
    """A filter of the queue, and the name under which it is saved; the view is that of the role unless it is named."""

    name: str = Field(min_length=1, max_length=MAX_FILTER_NAME_CHARS)
    view: str | None = Field(default=None, description="open, escalated, held, mine, skipped or appeals")
    family: str | None = None
    min_risk: float | None = Field(default=None, ge=0, le=1)


class SentHold(SentReason):
    """How long an account is held, and why."""

    hours: Literal[1, 4, 24, 72]


class SentAssignment(Sent):
    """The person to whom an account is assigned."""

    to: str = Field(
        description="name of a reviewer or senior; empty: return it to the queue", max_length=MAX_NAME_CHARS
    )


class SentMember(Sent):
    """An account of a decision about many."""

    key: AccountKey
    state: str = Field(description="`state` from the preview", max_length=64)


class SentPreview(Sent):
    """The accounts to look at before a decision about many: given, or linked with one account."""

    keys: list[AccountKey] = Field(default_factory=list, max_length=MOST_MEMBERS)
    linked_with: AccountKey | None = None
    by: Literal["any", "text"] = Field(default="any", description="text: only accounts with the same or a similar text")


class SentBulk(SentPolicy):
    """A decision about many accounts."""

    members: list[SentMember] = Field(min_length=1, max_length=MOST_MEMBERS)
    verdict: Verdict
    ground: str = Field(description="what was seen, and which rule it meets", min_length=1, max_length=MAX_GROUND_CHARS)


class SentBlindVerdict(SentPolicy):
    """A verdict about a post of the blind queue."""

    verdict: Verdict


class SentGolden(Sent):
    """The verdict about a golden item."""

    verdict: Verdict


class SentNote(Sent):
    """The note on an account."""

    text: str = Field(description="an empty text removes the note", max_length=MAX_NOTE_CHARS)


class SentAppeal(Sent):
    """The appeal of an author."""

    kind: Kind
    statement: str = Field(description="the words of the author", min_length=1, max_length=MAX_STATEMENT_CHARS)


class Problem(BaseModel):
    """An error, RFC 9457. A decision that came too late has `changes` and the new `state`."""

    type: str
    title: str
    status: int
    detail: str
    changes: list[str] | None = None
    state: str | None = None
    errors: list[dict[str, str]] | None = None


@dataclass(frozen=True)
class Me:
    """The person of the token or session, and what the person may do."""

    name: str
    role: str
    actions: tuple[str, ...]


@dataclass(frozen=True)
class AccountView:
    """An account with its explanation."""

    account: Account
    explanation: Explained
    why_not_decide: str | None
    """Why this person cannot decide about it now; None where the person can."""


@dataclass(frozen=True)
class FoundAccount:
    """The key of an account or of the next one."""

    key: str


@dataclass(frozen=True)
class Present:
    """The names of others who have the account open."""

    others: list[str]


@dataclass(frozen=True)
class HeldUntil:
    """The end of a hold."""

    until: datetime


@dataclass(frozen=True)
class FlagText:
    """The complete text of a flag, as it was when the flag was raised."""

    account_key: str
    text: str


@dataclass(frozen=True)
class FlagPage:
    """Flags of an account; `next_offset` continues after them and is None at the end."""

    flags: tuple[AccountFlag, ...]
    flag_count: int
    next_offset: int | None


@dataclass(frozen=True)
class AuditPage:
    """Entries of the audit log, newest first; `next_before` continues after them and is None at the end."""

    entries: list[dict[str, Any]]
    next_before: int | None
