"""Compares a risk model on trial with the live one, over the accounts that either of them flags."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy import Engine, and_, or_, select
from sqlalchemy.orm import aliased

from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import AssessmentRow, FlagRow

FlaggedBy = Literal["both", "live", "trial"]
CONFIRMED, CLEARED = "confirmed", "not_a_violation"
_AT_A_TIME = 10_000


@dataclass
class TrialReport:
    """What a trial has shown so far, by who flags: both models, or only one."""

    since: datetime | None = None
    """When the first post was recorded that either model flags; None without one."""
    accounts: Counter[FlaggedBy] = field(default_factory=Counter)
    confirmed: Counter[FlaggedBy] = field(default_factory=Counter)
    """Accounts whose flag a person confirmed."""
    cleared: Counter[FlaggedBy] = field(default_factory=Counter)
    """Accounts about which a person decided that there is no violation."""


def trial_report(engine: Engine, risk_version: str) -> TrialReport:
    """Return what the risk bundle with this manifest hash flags, beside the model that it was on trial with.

    An account that is flagged by both models on different posts counts as flagged by both. Raises ConnectionLost.
    """
    tried, live = aliased(AssessmentRow), aliased(AssessmentRow)
    one_batch = and_(
        live.flag_key == tried.flag_key,
        live.recorded_at == tried.recorded_at,
        live.risk_version != tried.risk_version,
    )
    columns = (tried.platform_id, tried.account_id, tried.post_id, tried.flagged, live.flagged, tried.recorded_at)
    query = select(*columns, FlagRow.status).join(live, one_batch)
    query = query.outerjoin(FlagRow, FlagRow.key == tried.flag_key)
    query = query.where(tried.risk_version == risk_version, or_(tried.flagged, live.flagged))
    report, models, verdicts = TrialReport(), defaultdict[tuple[str, ...], set[str]](set), dict[tuple[str, ...], str]()
    with at_edge(engine), engine.connect().execution_options(reading=True, yield_per=_AT_A_TIME) as connection:
        for platform, account, post, by_trial, by_live, at, status in connection.execute(query):
            unit: tuple[str, ...] = (platform, account) if account is not None else (platform, "", post)
            report.since = at if report.since is None else min(report.since, at)
            named = {name for name, flags in (("trial", by_trial), ("live", by_live)) if flags}
            models[unit] |= named
            if status in (CONFIRMED, CLEARED) and verdicts.get(unit) != CONFIRMED:
                verdicts[unit] = status
    report.accounts.update(_who(named) for named in models.values())
    for judged, verdict in verdicts.items():
        (report.confirmed if verdict == CONFIRMED else report.cleared)[_who(models[judged])] += 1
    return report


def _who(models: set[str]) -> FlaggedBy:
    if len(models) == 2:
        return "both"
    return "live" if "live" in models else "trial"
