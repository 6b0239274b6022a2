"""Effects for the store's tests: small, complete, and told apart by their arguments."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from moderation.effects import (
    Assessment,
    AuditSample,
    DeadLetter,
    Effects,
    Evidence,
    FamilyEvidence,
    FlagRaised,
    Followed,
    LabelGiven,
    Origin,
    Partition,
    PostDeleted,
    Reason,
    SectionEvidence,
)

PLATFORM = "plätform"
WRITTEN = datetime(2026, 11, 20, 8, 30, 15, 123456, tzinfo=UTC)
HOSTILE = (
    "\x00nul \x1b[31mred\x1b[0m \u202eright-to-left \x1a0041 \ud800lone [bold]markup[/bold] 'quote\" \\x00 💬 \x7f\n\t"
)


def partition(number: int = 0, topic: str = "posts", topic_id: str = "id-1") -> Partition:
    """A partition of a topic."""
    return Partition("cluster-1", topic, topic_id, number)


def assessment(post_id: str = "p1", **changes: Any) -> Assessment:
    """A flagged assessment."""
    values: dict[str, Any] = {
        "platform_id": PLATFORM,
        "post_id": post_id,
        "content_hash": "c" * 64,
        "account_id": "a1",
        "event_time": WRITTEN,
        "synthetic_logit": 2.5,
        "synthetic_score": 0.924,
        "sections": (SectionEvidence(0, 120, 2.5), SectionEvidence(100, 200, -0.25)),
        "truncated": False,
        "risk": 0.97,
        "threshold": 0.9,
        "flagged": True,
        "families": (FamilyEvidence("typing", 3.0, 0.001), FamilyEvidence("graph", None, None)),
        "agreeing": ("content", "typing"),
        "reasons": (
            Reason("typing", "chars_per_s", 41.5, 1.9, "typed 41.5 characters a second"),
            Reason("content", "logit", 2.5, 2.25, "the text reads as machine-written"),
        ),
        "features": (0.1, None, -7.25e-300, 1e300),
        "features_version": "f1",
        "detector_version": "d1",
        "risk_version": "r1",
        "graph_epoch": 7,
        "degraded": ("window",),
        "missing": ("client.ip",),
    }
    return Assessment(**(values | changes))


def evidence(text: str = "hello") -> Evidence:
    """Evidence beside an assessment."""
    return Evidence(text, "address-hash", "device-hash", "k1")


def flag(post_id: str = "p1", *, text: str = "hello", **changes: Any) -> FlagRaised:
    """A flag."""
    return FlagRaised(assessment(post_id, **changes), evidence(text))


def sample(post_id: str = "p2", *, flagged: bool = False) -> AuditSample:
    """An audit sample."""
    return AuditSample(assessment(post_id, flagged=flagged), evidence("sampled"), 0.001, "unflagged|short|en|keyboard")


def deletion(post_id: str = "p1", at: datetime = WRITTEN, account_id: str | None = "a1") -> PostDeleted:
    """A deletion."""
    return PostDeleted(PLATFORM, post_id, account_id, at)


def label(event_key: str = "e1", post_id: str | None = "p1", account_id: str | None = "a1") -> LabelGiven:
    """A label."""
    return LabelGiven(PLATFORM, post_id, account_id, "confirmed", WRITTEN, "moderators", event_key)


def letter(offset: int = 5, where: Partition | None = None, **changes: Any) -> DeadLetter:
    """A dead letter."""
    values: dict[str, Any] = {
        "timestamp_ms": 1_700_000_000_000,
        "key": b"\x00\xff",
        "value": b"{\xff\x00 not json",
        "headers": (("trace", b"\x00\x80"), ("trace", b"twice")),
    }
    origin = Origin(where or partition(), offset, **(values | changes))
    return DeadLetter(origin, "decode", "not JSON in UTF-8: \x00 \ud800")


def everything(positions: dict[Partition, int] | None = None, flags: Sequence[FlagRaised] = ()) -> Effects:
    """One of each effect."""
    return Effects(
        flags=list(flags) or [dataclasses.replace(flag(), followed=(Followed(7, mutual=True),))],
        audit_samples=[sample()],
        deletions=[deletion("p3")],
        labels=[label()],
        dead_letters=[letter()],
        positions=positions if positions is not None else {partition(): 10},
    )
