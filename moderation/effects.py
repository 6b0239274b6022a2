"""The effects of one batch as data: collected by the pipeline, applied by the store in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Verdict = Literal["confirmed", "not_a_violation", "uncertain"]


@dataclass(frozen=True, order=True)
class Partition:
    """One partition of one topic of one cluster; the topic id distinguishes a recreated topic.

    A file has its absolute path as topic, an empty cluster and topic id, and partition 0.
    """

    cluster_id: str
    topic: str
    topic_id: str
    partition: int


@dataclass(frozen=True)
class Origin:
    """The origin of a record: its identity, and its content for relaying it unchanged."""

    partition: Partition
    offset: int
    timestamp_ms: int | None = None
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    unreadable: str | None = field(default=None, compare=False)
    """Reason why the client could not parse the record; None where it could."""


@dataclass(frozen=True)
class AccountRef:
    """An account; its id is unique within its platform."""

    platform_id: str
    account_id: str


@dataclass(frozen=True)
class DeadLetter:
    """A record that cannot be processed, with the reason; relayed to `<topic>-dlt` through the outbox."""

    origin: Origin
    stage: Literal["record", "decode", "time", "text"]
    reason: str
    account: AccountRef | None = field(default=None, compare=False)
    """The account of the record, where it could be read; erasing the account erases the letter."""


@dataclass(frozen=True)
class SectionEvidence:
    """One scored section of a text: character offsets in the normalised text and the raw logit."""

    start: int
    end: int
    logit: float


def with_none(values: NDArray[np.float64]) -> list[list[float | None]]:
    """Return the rows of a matrix as lists, with None for NaN."""
    found = values.astype(object)
    found[np.isnan(values)] = None
    rows: list[list[float | None]] = found.tolist()
    return rows


@dataclass(frozen=True)
class FamilyEvidence:
    """The result of one family: its score (log-odds, larger is more suspicious) and p-value among genuine accounts.

    Both are None where the signals of the family are missing.
    """

    family: str
    score: float | None
    p_value: float | None


@dataclass(frozen=True)
class Reason:
    """One reason for a reviewer: the family, the feature, its value and its contribution to the risk (log-odds)."""

    family: str
    feature: str
    value: float | None
    contribution: float
    sentence: str


@dataclass(frozen=True)
class Assessment:
    """The result for one post, with the versions that make it reproducible.

    *content_abstained* is the reason for a missing score: ``empty``, ``short``, ``script`` or ``not_selected``; None
    where there is one. *scored_by* is the rule of the scoring policy that selected the text; None where none did.
    *tampered_share* is the number of hidden or replaced characters per letter; no model uses it.
    """

    platform_id: str
    post_id: str
    content_hash: str
    account_id: str | None
    event_time: datetime | None
    synthetic_logit: float | None
    synthetic_score: float | None
    sections: tuple[SectionEvidence, ...]
    truncated: bool
    risk: float | None
    threshold: float
    flagged: bool
    families: tuple[FamilyEvidence, ...]
    agreeing: tuple[str, ...]
    reasons: tuple[Reason, ...]
    features: tuple[float | None, ...]
    features_version: str
    detector_version: str
    risk_version: str
    graph_epoch: int | None = None
    degraded: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    content_abstained: str | None = None
    tampered_share: float = 0.0
    scored_by: str | None = None


@dataclass(frozen=True)
class Evidence:
    """The evidence for a reviewer; stored separately because it expires and can be erased by account."""

    text: str
    address_hash: str | None
    device_hash: str | None
    key_id: str | None


@dataclass(frozen=True)
class Followed:
    """An account that a flagged account follows, by its number in the state; *mutual* where it follows back."""

    number: int
    mutual: bool


@dataclass(frozen=True)
class FlagRaised:
    """A request for a person's judgement; the first one wins.

    Identity: (platform_id, account_id, post_id, content_hash). `followers` is the number that the event states;
    `followed` are the accounts that its author followed last, read after the batch.
    """

    assessment: Assessment
    evidence: Evidence
    followers: int | None = None
    followed: tuple[Followed, ...] = ()


@dataclass(frozen=True)
class AuditSample:
    """A post sampled for audit by a keyed hash of its account and id, with its inclusion probability and stratum."""

    assessment: Assessment
    evidence: Evidence
    probability: float
    stratum: str


@dataclass(frozen=True)
class PostDeleted:
    """The author or the platform deleted a post: the flag is marked and its retention begins."""

    platform_id: str
    post_id: str
    account_id: str | None
    """None where the platform sends no account."""
    at: datetime


@dataclass(frozen=True)
class LabelGiven:
    """An external verdict on a post or an account, for audit and training; never a feature of its subject."""

    platform_id: str
    post_id: str | None
    account_id: str | None
    verdict: Verdict
    at: datetime
    source: str
    event_key: str
    """Identity for idempotence: a hash of the fields of the label."""


@dataclass
class Effects:
    """All effects of one batch; `positions` are the next offsets to read after its commit."""

    flags: list[FlagRaised] = field(default_factory=list)
    audit_samples: list[AuditSample] = field(default_factory=list)
    compared: list[Assessment] = field(default_factory=list)
    """By both models, of posts that the live one or the one on trial flags; the assessments of flags are with them."""
    deletions: list[PostDeleted] = field(default_factory=list)
    labels: list[LabelGiven] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    positions: dict[Partition, int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        self.counters[name] = self.counters.get(name, 0) + by
