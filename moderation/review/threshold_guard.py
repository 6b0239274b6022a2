"""Raises the threshold where verdicts show that too many flagged accounts are genuine. Only a person lowers it.

A raise belongs to one risk bundle; another one begins with its own threshold. Sidecars read raises once a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import AssessmentRow
from connectors.reviewdb.review_models import BlindVerdictRow, ThresholdRaiseRow
from connectors.reviewdb.statements import table_of
from moderation.errors import InputError
from moderation.review.decisions import StaleDecision
from moderation.review.permissions import Action, Actor
from moderation.review.quality_report import CLEARED, CONFIRMED
from moderation.review.refusals import InvalidValue
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
    """One raise, and who ended it. `wrong` of `judged` flagged accounts were genuine at the threshold `before`."""

    id: int
    risk_version: str
    before: float
    threshold: float
    wrong: int
    judged: int
    raised_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None
    reason: str | None = None


def raises(engine: Engine, risk_version: str) -> list[ThresholdRaise]:
    """Return the raises of a risk bundle, the latest first. Raises ConnectionLost."""
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        return _raises(connection, risk_version)


def present_raise(engine: Engine, risk_version: str) -> ThresholdRaise | None:
    """Return the latest raise of a risk bundle that no person has ended."""
    return next((one for one in raises(engine, risk_version) if one.ended_at is None), None)


def threshold_with(raised: Sequence[ThresholdRaise], of_bundle: float) -> float:
    """Return the threshold in use: that of the bundle, or the largest to which it was raised."""
    return max([of_bundle, *(one.threshold for one in raised if one.ended_at is None)])


def consider(connection: Connection, item: str, most_wrong: float, now: datetime) -> Entry | None:
    """Raise the threshold where the verdicts so far, with one about the assessment *item*, are evidence for it.

    *most_wrong* is the share of flagged accounts that may be genuine; 0 raises nothing. Returns the entry for the audit
    log, None without a raise.
    """
    post = connection.execute(select(ASSESSMENTS).where(ASSESSMENTS.c.key == item)).one()
    if not post.flagged or not 0 < most_wrong < 1:
        return None
    earlier = _raises(connection, post.risk_version)
    present = threshold_with(earlier, post.threshold)
    since = max((one.ended_at or one.raised_at for one in earlier), default=None)
    accounts = _by_account(_verdicts(connection, post.risk_version, present, since))
    wrong = sum(is_wrong for _, is_wrong in accounts)
    if log_evidence(wrong, len(accounts), most_wrong) < log(2 ** (len(earlier) + 1) / DOUBT):
        return None
    values = {
        "risk_version": post.risk_version,
        "before": present,
        "threshold": raised_to(accounts, most_wrong),
        "wrong": wrong,
        "judged": len(accounts),
        "raised_at": now,
    }
    connection.execute(insert(RAISES).values(values))
    details = {name: value for name, value in values.items() if name != "raised_at"}
    return Entry(now, GUARD, "threshold_raised", None, details)


def end_raise(engine: Engine, actor: Actor, number: int, reason: str, now: datetime) -> None:
    """End a raise, so that the threshold is that of before again.

    Raises NotPermitted, InvalidValue without a reason, InputError for an unknown number, and StaleDecision for a
    raise that was ended before.
    """
    actor.require(Action.RELEASE)
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise InvalidValue(f"give a reason of at most {LONGEST_REASON} characters")
    with at_edge(engine), engine.begin() as connection:
        found = connection.execute(select(RAISES).where(RAISES.c.id == number).with_for_update()).one_or_none()
        if found is None:
            raise InputError(f"there is no raise {number}")
        if found.ended_at is not None:
            raise StaleDecision(f"raise {number} was ended before, by {found.ended_by}")
        ended = {"ended_at": now, "ended_by": actor.name, "reason": reason}
        connection.execute(update(RAISES).where(RAISES.c.id == number).values(ended))
        details = {"raise": number, "from": found.threshold, "to": found.before, "reason": reason}
        append(connection, Entry(now, actor.name, "threshold_lowered", None, details))


def _raises(connection: Connection, risk_version: str) -> list[ThresholdRaise]:
    query = select(RAISES).where(RAISES.c.risk_version == risk_version).order_by(RAISES.c.id.desc())
    return [ThresholdRaise(**row._mapping) for row in connection.execute(query)]


def _verdicts(connection: Connection, version: str, above: float, since: datetime | None) -> Sequence[Any]:
    """Return the verdicts about flags above a threshold that were given after a time, in their order."""
    query = select(ASSESSMENTS.c.platform_id, ASSESSMENTS.c.account_id, ASSESSMENTS.c.key, ASSESSMENTS.c.risk)
    query = query.add_columns(BLIND.c.verdict).join(BLIND, BLIND.c.assessment_key == ASSESSMENTS.c.key)
    query = query.where(ASSESSMENTS.c.risk_version == version, ASSESSMENTS.c.flagged, ASSESSMENTS.c.risk > above)
    query = query.where(BLIND.c.kind == "sample", BLIND.c.verdict.in_([CLEARED, CONFIRMED]))
    if since is not None:
        query = query.where(BLIND.c.given_at > since)
    return connection.execute(query.order_by(BLIND.c.given_at, BLIND.c.id)).all()


def _by_account(verdicts: Sequence[Any]) -> list[tuple[float, bool]]:
    """Return the risk and whether the flag was wrong, by the first verdict about each account."""
    first: dict[tuple[str, str], tuple[float, bool]] = {}
    for row in verdicts:
        first.setdefault((row.platform_id, row.account_id or row.key), (row.risk, row.verdict == CLEARED))
    return list(first.values())


def raised_to(accounts: Sequence[tuple[float, bool]], most_wrong: float) -> float:
    """Return the least risk above which at most half of *most_wrong* was wrong; without one the largest risk."""
    for risk in sorted({risk for risk, _ in accounts}):
        above = [is_wrong for other, is_wrong in accounts if other > risk]
        if sum(above) <= len(above) * most_wrong / 2:
            return risk
    raise ValueError("no account was judged")
