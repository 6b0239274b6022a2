"""What one batch wants to do, as data: collected by the pipeline, applied by the store in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Verdict = Literal["confirmed", "not_a_violation", "uncertain"]


@dataclass(frozen=True, order=True)
class Partition:
    """One partition of one topic of one cluster; the topic id tells a recreated topic from the one before.

    A file has its absolute path as topic, an empty cluster and topic id, and partition 0.
    """

    cluster_id: str
    topic: str
    topic_id: str
    partition: int


@dataclass(frozen=True)
class Origin:
    """Where a record came from: enough to recognise it again and to send it on untouched."""

    partition: Partition
    offset: int
    timestamp_ms: int | None = None
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    unreadable: str | None = field(default=None, compare=False)
    """Why the client could not read the record as it was sent; None where it could."""


@dataclass(frozen=True)
class AccountRef:
    """An account: its id counts within its platform."""

    platform_id: str
    account_id: str


@dataclass(frozen=True)
class DeadLetter:
    """A record that can never be processed, with the reason; relayed to `<topic>-dlt` through the outbox."""

    origin: Origin
    stage: Literal["record", "decode", "time", "text"]
    reason: str
    account: AccountRef | None = field(default=None, compare=False)
    """Whose record it is, where that could be read; erasing the account erases the letter."""


@dataclass(frozen=True)
class SectionEvidence:
    """One scored section of a text: character offsets in the normalised text and the raw logit."""

    start: int
    end: int
    logit: float


@dataclass(frozen=True)
class FamilyEvidence:
    """What one family says: its score (log-odds, larger is more suspicious) and p-value among genuine accounts.

    Both are None where the family's signals are missing.
    """

    family: str
    score: float | None
    p_value: float | None


@dataclass(frozen=True)
class Reason:
    """One line a reviewer reads: the family, the feature, its value and what pushed the risk (log-odds)."""

    family: str
    feature: str
    value: float | None
    contribution: float
    sentence: str


@dataclass(frozen=True)
class Assessment:
    """All that was concluded about one post, with the versions that make it reproducible.

    *content_abstained* says why the text has no score: ``empty``, ``short`` or ``script``; None where it has one.
    *tampered_share* is how many characters had been put into the text to be misread, per letter of it; no model reads
    it.
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


@dataclass(frozen=True)
class Evidence:
    """What a reviewer needs to see beside a flag; kept apart because it expires and can be erased by account."""

    text: str
    address_hash: str | None
    device_hash: str | None
    key_id: str | None


@dataclass(frozen=True)
class FlagRaised:
    """A request for a person's judgement; the first one wins.

    Identity: (platform_id, account_id, post_id, content_hash).
    """

    assessment: Assessment
    evidence: Evidence


@dataclass(frozen=True)
class AuditSample:
    """A post drawn for audit by a keyed hash of its account and id, with its inclusion probability and stratum."""

    assessment: Assessment
    evidence: Evidence
    probability: float
    stratum: str


@dataclass(frozen=True)
class PostDeleted:
    """The author or the platform deleted a post: the flag is marked and its retention clock starts."""

    platform_id: str
    post_id: str
    account_id: str | None
    """None where the platform sends only which post was deleted."""
    at: datetime


@dataclass(frozen=True)
class LabelGiven:
    """A verdict from outside, on a post or an account. It audits and trains; it is never a feature of its subject."""

    platform_id: str
    post_id: str | None
    account_id: str | None
    verdict: Verdict
    at: datetime
    source: str
    event_key: str
    """Identity for idempotence: a hash of the label's own fields."""


@dataclass
class Effects:
    """Everything that one batch wants to do; `positions` are the next offsets to read once it is committed."""

    flags: list[FlagRaised] = field(default_factory=list)
    audit_samples: list[AuditSample] = field(default_factory=list)
    deletions: list[PostDeleted] = field(default_factory=list)
    labels: list[LabelGiven] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    positions: dict[Partition, int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        self.counters[name] = self.counters.get(name, 0) + by
