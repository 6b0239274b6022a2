"""Collects the assessments of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from moderation.effects import Assessment, FlagRaised
from moderation.lab.simulation import Truth
from moderation.risk.gate import CONTENT, gate_opens
from moderation.risk.model import BundledRiskModel
from moderation.stream.pipeline import Outcome


@dataclass
class Observed:
    """Collects every assessment of a run, batch by batch."""

    assessments: list[Assessment] = field(default_factory=list)
    flags: list[FlagRaised] = field(default_factory=list)
    dead_letters: int = 0

    def take(self, outcome: Outcome) -> int:
        """Store the assessments of one batch; return its number of posts."""
        found = [assessment for assessment in outcome.assessments if assessment is not None]
        self.assessments += found
        self.flags += outcome.effects.flags
        self.dead_letters += len(outcome.effects.dead_letters)
        return len(found)


@dataclass(frozen=True)
class AccountPeaks:
    """The largest score of each kind over the posts of an account; -inf without one."""

    content: float
    metadata: float
    both: float
    """Largest risk among the posts for which the gate opens."""
    flagged: bool
    """Whether the sidecar flagged at least one of its posts."""
    posts: int


NOTHING = AccountPeaks(-np.inf, -np.inf, -np.inf, flagged=False, posts=0)


def peaks_by_account(
    assessments: Iterable[Assessment], truth: Iterable[Truth], risk: BundledRiskModel
) -> dict[str, AccountPeaks]:
    """Return the peaks of each account: evidence of its texts, risk from metadata only, and gated risk of both.

    Posts of the owners of hijacked accounts do not count.
    """
    since = {one.account_id: one.since_ms / 1000 for one in truth}
    known = [
        a
        for a in assessments
        if a.event_time is not None and a.features and a.event_time.timestamp() >= since.get(a.account_id or "", np.inf)
    ]
    if not known:
        return {}
    features = np.array([[np.nan if v is None else v for v in a.features] for a in known], dtype=np.float64)
    scores = risk.family_scores(features)
    columns = [risk.fusion.families.index(name) for name in risk.metadata_only.families]
    metadata = risk.metadata_only.risks(scores[:, columns])
    contents = scores[:, risk.fusion.families.index(CONTENT)]
    peaks: dict[str, AccountPeaks] = {}
    for assessment, content, alone in zip(known, contents.tolist(), metadata.tolist(), strict=True):
        before = peaks.get(assessment.account_id or "", NOTHING)
        peaks[assessment.account_id or ""] = AccountPeaks(
            before.content if np.isnan(content) else max(before.content, content),
            max(before.metadata, alone),
            max(before.both, _gated_risk(assessment)),
            before.flagged or assessment.flagged,
            before.posts + 1,
        )
    return peaks


def _gated_risk(assessment: Assessment) -> float:
    if assessment.risk is None or not gate_opens(assessment.agreeing):
        return -np.inf
    return assessment.risk
