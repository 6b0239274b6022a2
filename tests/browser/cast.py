"""Flagged accounts with texts that we wrote: a campaign, a traveller, a hostile author, and a very long text."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.reviewdb.identity import digest
from moderation.effects import (
    AuditSample,
    Effects,
    FamilyEvidence,
    FlagRaised,
    Followed,
    PostDeleted,
    Reason,
    SectionEvidence,
)
from moderation.features.catalogue import COLUMN, FEATURES_VERSION
from moderation.risk.bundle import read_manifest
from moderation.state.identifiers import account_number
from tests.contract.samples import flag

PLATFORM = "forum"
FIRST = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
HOSTILE_TEXT = (
    "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'> {{ 7 * 7 }} \u202egnp.exe\u202c and "
    "zero\u200bwidth, a bell \x07 and a link: javascript:window.pwned=3"
)
HOSTILE_ID = "<b>bold\u202eevil</b>"
LONG_TEXT = "All work and no play makes a long post. " * 26_000
"""A little more than one million characters."""

TYPING = Reason(
    "typing",
    "typing_chars_per_s",
    41.5,
    2.31,
    "It typed 41.5 characters per second; genuine accounts rarely exceed 5.97.",
)
PASTED = Reason(
    "typing", "typing_pasted_share", 1.0, 1.4, "100 % of the text was pasted; genuine accounts rarely exceed 88.1 %."
)
NETWORK = Reason(
    "network",
    "accounts_1h",
    9,
    1.52,
    "9 accounts posted from its address in the last hour; genuine accounts rarely exceed 4.",
)
CONTENT = Reason(
    "content",
    "content_evidence",
    2.9,
    1.8,
    "Its last 6 texts together score 2.9 standard deviations above human texts.",
)
YOUNG = Reason(
    "account", "account_age_days", 2, 0.8, "The account was 2 days old; genuine accounts are rarely below 5.5."
)


def families(**p_values: float | None) -> tuple[FamilyEvidence, ...]:
    """The families with these p-values; those that are not named are ordinary."""
    names = ("content", "typing", "network", "graph", "account")
    found = {name: p_values.get(name, 0.4) for name in names}
    return tuple(FamilyEvidence(name, None if p is None else 1.0, p) for name, p in found.items())


MEASURED: dict[str, float] = {
    "typing_chars_per_s": 41.5,
    "typing_keystrokes_per_s": 5.1,
    "typing_keystrokes_per_char": 0.12,
    "typing_pasted_share": 0.0,
    "typing_deletion_share": 0.0,
    "typing_interval_median_ms": 102.0,
    "typing_interval_iqr_ratio": 0.08,
    "typing_interval_cv": 0.11,
    "typing_interval_entropy_bits": 1.2,
    "typing_interval_lag1": 0.02,
    "typing_interval_repeated_share": 0.31,
    "network_accounts_1h": 9.0,
    "network_accounts_24h": 14.0,
    "network_new_account_share_24h": 0.71,
    "network_accounts_vs_kind": 2.2,
    "account_age_days": 2.0,
}
"""Features of a post of the campaign; the others are missing."""


def vector(values: dict[str, float]) -> tuple[float | None, ...]:
    """The feature vector with these values."""
    return tuple(values.get(name) for name in COLUMN)


def raised(
    post_id: str, account_id: str | None, text: str, risk: float, address: str = "campaign", **changes: Any
) -> FlagRaised:
    """A flag by the shipped risk bundle, so that its certificate is shown."""
    _, version = read_manifest(None)
    values: dict[str, Any] = {
        "platform_id": PLATFORM,
        "account_id": account_id,
        "risk": risk,
        "threshold": 0.9995,
        "families": families(content=0.007, typing=0.0005, network=0.001, account=0.02),
        "agreeing": ("content", "typing", "network", "account"),
        "reasons": (TYPING, CONTENT, NETWORK, YOUNG),
        "sections": (SectionEvidence(0, len(text), 2.9),),
        "synthetic_score": 0.93,
        "risk_version": version,
        "degraded": (),
        "missing": (),
        "event_time": FIRST,
        "features": vector(MEASURED),
        "features_version": FEATURES_VERSION,
        "content_hash": digest(text),
    }
    found = flag(post_id, text=text, **(values | changes))
    return dataclasses.replace(found, evidence=dataclasses.replace(found.evidence, address_hash=address))


def campaign() -> list[FlagRaised]:
    """Five accounts that praise one shop; the first has four posts."""
    lines = (
        "Honestly the new delivery service changed how we plan our weeks, and the prices are more than fair.",
        "I was sceptical at first, but the delivery arrived early and the box was packed with real care.",
        "If you are tired of queues, this delivery service is the answer. Fresh, quick, and always friendly.",
        "We moved all our weekly shopping to this delivery service and we are never going back.",
    )
    first = [
        raised(f"c0-{n}", "sunny-kitchen", line, 0.99994 - n / 1e5, event_time=FIRST + timedelta(hours=7 * n))
        for n, line in enumerate(lines)
    ]
    others = [
        raised(f"c{n}-0", f"happy-basket-{n}", lines[n % 4], 0.9997 + n / 1e5, event_time=FIRST + timedelta(minutes=n))
        for n in range(1, 5)
    ]
    names = ("happy-basket-1", "happy-basket-2", "happy-basket-3", "happy-basket-4", HOSTILE_ID)
    strangers = [f"stranger-{n}" for n in range(6)]
    first = [dataclasses.replace(one, followed=follows(*names, *strangers)) for one in first]
    others = [dataclasses.replace(one, followed=follows("sunny-kitchen")) for one in others]
    return [*first, *others]


def follows(*names: str) -> tuple[Followed, ...]:
    """Follows of these accounts; every second one follows back."""
    return tuple(Followed(account_number(name), mutual=at % 2 == 1) for at, name in enumerate(names))


def others() -> list[FlagRaised]:
    """An account whose text is ordinary, a hostile one, a very long text, and a post without an account."""
    traveller = raised(
        "t1",
        "road-diary",
        "Slept in the van again. The engine sounds better since Porto, and the dog likes the beach here.",
        0.99962,
        "van",
        features=vector({"network_accounts_24h": 212.0, "network_accounts_vs_kind": 0.084, "account_age_days": 700.0}),
        families=families(content=0.31, typing=None, network=0.001, graph=0.004),
        agreeing=("network", "graph"),
        reasons=(NETWORK, YOUNG),
        synthetic_score=0.22,
        missing=("typing.intervals",),
        degraded=("graph",),
    )
    hostile = raised("h<1>", HOSTILE_ID, HOSTILE_TEXT, 0.99958, "elsewhere")
    long = raised("l1", "long-writer", LONG_TEXT, 0.99956, "library", truncated=True)
    unscored = {"synthetic_score": None, "synthetic_logit": None, "content_abstained": "short"}
    alone = raised("n1", None, "Yes!", 0.99953, families=families(content=None, typing=0.001), **unscored)
    return [traveller, hostile, long, alone]


def audit_sample() -> Effects:
    """Four posts of the campaign and eight of other people as the sidecar draws them."""
    flagged = campaign()[4:]
    texts = [f"The library opens at {hour}, and the reading room is quiet until noon." for hour in range(8, 16)]
    usual = vector({"typing_chars_per_s": 2.4, "typing_interval_cv": 0.9, "network_accounts_24h": 1.0})
    others = [
        raised(f"s{n}", f"reader-{n}", text, 0.2, f"home-{n}", flagged=False, features=usual)
        for n, text in enumerate(texts)
    ]
    drawn = [AuditSample(one.assessment, one.evidence, 0.1, "flagged|short|en|keyboard") for one in flagged]
    drawn += [AuditSample(one.assessment, one.evidence, 0.001, "unflagged|short|en|keyboard") for one in others]
    return Effects(audit_samples=drawn)


def effects() -> Effects:
    """All flags; the second post of the campaign's first account was deleted."""
    deleted = PostDeleted(PLATFORM, "c0-1", "sunny-kitchen", FIRST + timedelta(days=1))
    return Effects(flags=[*campaign(), *others()], deletions=[deleted])
