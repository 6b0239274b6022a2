"""Raises the threshold where verdicts show that too many flagged accounts are genuine. Only a person lowers it.

A raise belongs to one risk bundle and scoring policy on one platform; another bundle begins with its own threshold.
Sidecars read raises once a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import log
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, insert, or_, select, update

from connectors.reviewdb.audit_log import Entry, append, lock
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import AssessmentRow
from connectors.reviewdb.review_models import BlindVerdictRow, ThresholdRaiseRow
from connectors.reviewdb.statements import table_of
from moderation.errors import InputError
from moderation.review.decisions import StaleDecision
from moderation.review.permissions import Action, Actor
from moderation.review.pseudonyms import ShownNames
from moderation.review.quality_report import CLEARED, CONFIRMED
from moderation.review.refusals import InvalidValue
from moderation.review.stored_posts import policy_of
from moderation.risk.anytime import log_evidence

ASSESSMENTS, BLIND, RAISES = (table_of(row) for row in (AssessmentRow, BlindVerdictRow, ThresholdRaiseRow))
GUARD = "threshold guard"
"""Who raises thresholds, in the audit log."""
DOUBT = 0.05
"""Largest probability that a bundle with no more wrong flags than stated is ever raised: half of it for the first
raise, a quarter for the second, and so on."""
LONGEST_REASON = 1_000


@dataclass(frozen=True)
class ThresholdRaise:
    """One raise of a risk bundle under a scoring policy, and who ended it.

    `wrong` of `judged` flagged accounts were genuine at the threshold `before`.
    """

    id: int
    platform_id: str
    risk_version: str
    policy: str
    before: float
    threshold: float
    wrong: int
    judged: int
    raised_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None
    reason: str | None = None

    @property
    def bundle(self) -> tuple[str, str, str]:
        """What the threshold belongs to."""
        return self.platform_id, self.risk_version, self.policy


def raises(engine: Engine, actor: Actor) -> list[ThresholdRaise]:
    """Return all raises, of every risk bundle and platform, the latest first, with names as the actor sees them.

    Raises ConnectionLost.
    """
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        names = ShownNames(connection, actor)
        return [
            one if one.ended_by is None else replace(one, ended_by=names.of(one.ended_by))
            for one in _raises(connection)
        ]


def threshold_with(raised: Sequence[ThresholdRaise], of_bundle: float) -> float:
    """Return the threshold in use: that of the bundle, or the largest to which it was raised."""
    return max([of_bundle, *(one.threshold for one in raised if one.ended_at is None)])


def consider(connection: Connection, item: str, most_wrong: float, now: datetime) -> Entry | None:
    """Raise the threshold where the verdicts so far, with one about the assessment *item*, are evidence for it.

    *most_wrong* is the share of flagged accounts that may be genuine; 0 raises nothing. Verdicts of one person alone
    raise nothing. Returns the entry for the audit log, None without a raise. Takes the lock of the audit log, so that
    of two verdicts at once the second sees the raise of the first.
    """
    post = connection.execute(select(ASSESSMENTS).where(ASSESSMENTS.c.key == item)).one()
    if not post.flagged or not 0 < most_wrong < 1:
        return None
    lock(connection)
    policy = policy_of(post.scored_by)
    bundle = (post.platform_id, post.risk_version, policy)
    earlier = [one for one in _raises(connection) if one.bundle == bundle]
    own = min((one.before for one in earlier), default=post.threshold)
    present = threshold_with(earlier, own)
    since = max((one.ended_at or one.raised_at for one in earlier), default=None)
    verdicts = _first_verdicts(_verdicts(connection, bundle, present, since))
    wrong = [verdict for verdict in verdicts if verdict.is_wrong]
    doubt = log_evidence(len(wrong), len(verdicts), most_wrong)
    if doubt < log(2 ** (len(earlier) + 1) / DOUBT) or len({verdict.person for verdict in wrong}) < 2:
        return None
    values = {
        "platform_id": post.platform_id,
        "risk_version": post.risk_version,
        "policy": policy,
        "before": present,
        "threshold": raised_to(verdicts, most_wrong),
        "wrong": len(wrong),
        "judged": len(verdicts),
    }
    number = connection.scalar(insert(RAISES).values(**values, raised_at=now).returning(RAISES.c.id))
    return Entry(now, GUARD, "threshold_raised", None, {"raise": number, **values})


def end_raise(engine: Engine, actor: Actor, number: int, reason: str, now: datetime) -> None:
    """End a raise; the threshold in use is then that of the bundle, or of the other raises that are in force.

    Raises NotPermitted, InvalidValue without a reason, InputError for an unknown number, and StaleDecision for a
    raise that was ended before.
    """
    actor.require(Action.RELEASE)
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise InvalidValue(f"give a reason of at most {LONGEST_REASON} characters")
    with at_edge(engine), engine.begin() as connection:
        lock(connection)
        found = next((one for one in _raises(connection) if one.id == number), None)
        if found is None:
            raise InputError(f"there is no raise {number}")
        if found.ended_at is not None:
            raise StaleDecision(f"raise {number} was ended before, by {found.ended_by}")
        ended = {"ended_at": now, "ended_by": actor.name, "reason": reason}
        connection.execute(update(RAISES).where(RAISES.c.id == number).values(ended))
        others = [one for one in _raises(connection) if one.bundle == found.bundle]
        left = threshold_with(others, min(one.before for one in others))
        details = {"raise": number, "from": found.threshold, "to": left, "reason": reason}
        append(connection, Entry(now, actor.name, "threshold_lowered", None, details))


class AccountVerdict(NamedTuple):
    """The first verdict about a flagged account: its risk, whether the flag was wrong, and who judged."""

    risk: float
    is_wrong: bool
    person: int = 0


def _raises(connection: Connection) -> list[ThresholdRaise]:
    query = select(RAISES).order_by(RAISES.c.id.desc())
    return [ThresholdRaise(**row._mapping) for row in connection.execute(query)]


def _verdicts(
    connection: Connection, bundle: tuple[str, str, str], above: float, since: datetime | None
) -> Sequence[Any]:
    """Return the verdicts about flags above a threshold that were given after a time, in their order."""
    platform, version, policy = bundle
    by_policy = ASSESSMENTS.c.scored_by == "all"
    query = select(ASSESSMENTS.c.account_id, ASSESSMENTS.c.key, ASSESSMENTS.c.risk)
    query = query.add_columns(BLIND.c.verdict, BLIND.c.person_id)
    query = query.join(BLIND, BLIND.c.assessment_key == ASSESSMENTS.c.key)
    query = query.where(ASSESSMENTS.c.platform_id == platform, ASSESSMENTS.c.risk_version == version)
    query = query.where(by_policy if policy == "all" else or_(ASSESSMENTS.c.scored_by.is_(None), ~by_policy))
    query = query.where(ASSESSMENTS.c.flagged, ASSESSMENTS.c.risk > above)
    query = query.where(BLIND.c.kind == "sample", BLIND.c.verdict.in_([CLEARED, CONFIRMED]))
    if since is not None:
        query = query.where(BLIND.c.given_at > since)
    return connection.execute(query.order_by(BLIND.c.given_at, BLIND.c.id)).all()


def _first_verdicts(verdicts: Sequence[Any]) -> list[AccountVerdict]:
    first: dict[str, AccountVerdict] = {}
    for row in verdicts:
        first.setdefault(row.account_id or row.key, AccountVerdict(row.risk, row.verdict == CLEARED, row.person_id))
    return list(first.values())


def raised_to(verdicts: Sequence[AccountVerdict], most_wrong: float) -> float:
    """Return the least risk above which at most half of *most_wrong* was wrong; without one the largest risk."""
    for risk in sorted({verdict.risk for verdict in verdicts}):
        above = [verdict.is_wrong for verdict in verdicts if verdict.risk > risk]
        if sum(above) <= len(above) * most_wrong / 2:
            return risk
    raise ValueError("no account was judged")
