"""Converts effects to rows, the values of bulk statements; without database access."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from connectors.reviewdb.identity import (
    account_key,
    assessment_key,
    flag_key,
    origin_key,
    post_id_key,
    post_key,
    stored_number,
)
from moderation.effects import (
    Assessment,
    AuditSample,
    DeadLetter,
    Evidence,
    FlagRaised,
    LabelGiven,
    Origin,
    Partition,
    PostDeleted,
)
from moderation.state.identifiers import account_number
from moderation.text.bands import band_keys

Row = dict[str, Any]
FAMILIES = ("content", "typing", "network", "graph", "account", "coordination")
"""The order in which families are stored."""
BAND_COLUMNS = ("band_0", "band_1", "band_2", "band_3")
BANDED_CHARS = 20_000
BANDED_WORDS = 8


def assessment_row(assessment: Assessment, now: datetime) -> Row:
    """Return the row of `assessments`."""
    return {
        "key": assessment_key(assessment),
        "flag_key": _flag_key(assessment),
        "post_id_key": post_id_key(assessment.platform_id, assessment.post_id),
        "platform_id": assessment.platform_id,
        "post_id": assessment.post_id,
        "content_hash": assessment.content_hash,
        "account_id": assessment.account_id,
        "event_time": assessment.event_time,
        "synthetic_logit": assessment.synthetic_logit,
        "synthetic_score": assessment.synthetic_score,
        "sections": [[part.start, part.end, part.logit] for part in assessment.sections],
        "truncated": assessment.truncated,
        "risk": assessment.risk,
        "threshold": assessment.threshold,
        "flagged": assessment.flagged,
        "families": [asdict(family) for family in assessment.families],
        "agreeing": list(assessment.agreeing),
        "reasons": [asdict(reason) for reason in assessment.reasons],
        "features_version": assessment.features_version,
        "detector_version": assessment.detector_version,
        "risk_version": assessment.risk_version,
        "graph_epoch": assessment.graph_epoch,
        "degraded": list(assessment.degraded),
        "missing": list(assessment.missing),
        "scored_by": assessment.scored_by,
        "content_abstained": assessment.content_abstained,
        "recorded_at": now,
    }


def evidence_row(assessment: Assessment, evidence: Evidence, expires_at: datetime) -> Row:
    """Return the row of `evidence`."""
    return {
        "assessment_key": assessment_key(assessment),
        "post_key": post_key(assessment.platform_id, assessment.account_id, assessment.post_id),
        "account_key": _account_key(assessment.platform_id, assessment.account_id),
        "text": evidence.text,
        **bands_of(evidence.text),
        "features": list(assessment.features),
        "address_hash": evidence.address_hash,
        "device_hash": evidence.device_hash,
        "key_id": evidence.key_id,
        "expires_at": expires_at,
    }


def bands_of(text: str) -> dict[str, int | None]:
    """Return the columns under which near-duplicates of a text are found: those of its beginning, None for few words.

    Short texts are often the same by chance.
    """
    beginning = text[:BANDED_CHARS]
    long_enough = len(beginning.split()) >= BANDED_WORDS
    keys = band_keys(beginning) if long_enough else (None,) * len(BAND_COLUMNS)
    return dict(zip(BAND_COLUMNS, keys, strict=True))


def flag_row(flag: FlagRaised, now: datetime) -> Row:
    """Return the row of `flags`."""
    found = flag.assessment
    return {
        "key": _flag_key(found),
        "post_key": post_key(found.platform_id, found.account_id, found.post_id),
        "account_key": _account_key(found.platform_id, found.account_id),
        "assessment_key": assessment_key(found),
        "platform_id": found.platform_id,
        "post_id": found.post_id,
        "content_hash": found.content_hash,
        "account_id": found.account_id,
        "risk": found.risk,
        "event_time": found.event_time,
        "raised_at": now,
    }


def review_rows(flags: Iterable[FlagRaised], now: datetime) -> list[Row]:
    """Return the rows of `accounts_in_review` for new flags, one per account, ordered by key."""
    found: dict[str, Row] = {}
    for flag in flags:
        judged = flag.assessment
        key = _account_key(judged.platform_id, judged.account_id)
        key = key or post_key(judged.platform_id, None, judged.post_id)
        risk = judged.risk or 0.0
        row = found.setdefault(
            key,
            {
                "key": key,
                "platform_id": judged.platform_id,
                "account_id": judged.account_id,
                "opened_at": now,
                "open_flags": 0,
                "risk": risk,
                "waiting_since": now,
                "families": ordered_families(judged.agreeing),
                "top_assessment": assessment_key(judged),
                "followers": None,
                "number": None if judged.account_id is None else stored_number(account_number(judged.account_id)),
            },
        )
        row["open_flags"] += 1
        if flag.followers is not None:
            row["followers"] = max(flag.followers, row["followers"] or 0)
        if risk > row["risk"]:
            row |= {
                "risk": risk,
                "families": ordered_families(judged.agreeing),
                "top_assessment": assessment_key(judged),
            }
    return [found[key] for key in sorted(found)]


def ordered_families(names: Iterable[str]) -> list[str]:
    """Return the families in one order, so that each set of families has one stored form, which an index finds."""
    return sorted(names, key=lambda name: (FAMILIES.index(name) if name in FAMILIES else len(FAMILIES), name))


def deletion_row(deletion: PostDeleted, now: datetime) -> Row:
    """Return the row of `deleted_posts`."""
    return {
        "post_key": post_key(deletion.platform_id, deletion.account_id, deletion.post_id),
        "platform_id": deletion.platform_id,
        "post_id": deletion.post_id,
        "account_id": deletion.account_id,
        "deleted_at": deletion.at,
        "recorded_at": now,
    }


def label_row(label: LabelGiven, now: datetime) -> Row:
    """Return the row of `labels`."""
    post = None if label.post_id is None else post_key(label.platform_id, label.account_id, label.post_id)
    return {
        "event_key": label.event_key,
        "platform_id": label.platform_id,
        "post_id": label.post_id,
        "account_id": label.account_id,
        "post_key": post,
        "account_key": _account_key(label.platform_id, label.account_id),
        "verdict": label.verdict,
        "given_at": label.at,
        "source": label.source,
        "recorded_at": now,
    }


def audit_row(sample: AuditSample, now: datetime) -> Row:
    """Return the row of `audit_samples`."""
    found = sample.assessment
    return {
        "flag_key": _flag_key(found),
        "assessment_key": assessment_key(found),
        "probability": sample.probability,
        "stratum": sample.stratum,
        "drawn_at": now,
    }


def outbox_row(letter: DeadLetter, now: datetime) -> Row:
    """Return the row of `outbox`."""
    origin = letter.origin
    return {
        "origin_key": origin_key(origin),
        "cluster_id": origin.partition.cluster_id,
        "topic": origin.partition.topic,
        "topic_id": origin.partition.topic_id,
        "partition": origin.partition.partition,
        "offset": origin.offset,
        "timestamp_ms": origin.timestamp_ms,
        "record_key": origin.key,
        "record_value": origin.value,
        "record_headers": [[name, _encoded(value)] for name, value in origin.headers],
        "stage": letter.stage,
        "reason": letter.reason,
        "recorded_at": now,
        "account_key": letter_account_key(letter),
    }


def letter_account_key(letter: DeadLetter) -> str | None:
    """Return the identity of the account of a letter, None where it is unknown."""
    return None if letter.account is None else account_key(letter.account.platform_id, letter.account.account_id)


def letter_of(row: Any) -> DeadLetter:
    """Return the dead letter of a row of `outbox`, the inverse of `outbox_row`."""
    headers = headers_of(row.record_headers)
    partition = Partition(row.cluster_id, row.topic, row.topic_id, row.partition)
    origin = Origin(partition, row.offset, row.timestamp_ms, row.record_key, row.record_value, headers)
    return DeadLetter(origin, row.stage, row.reason)


def headers_of(stored: list[Any] | None) -> tuple[tuple[str, bytes | None], ...]:
    """Return the headers of a record as `outbox_row` stored them."""
    return tuple((str(name), None if value is None else base64.b64decode(value)) for name, value in stored or ())


def _encoded(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode("ascii")


def _flag_key(assessment: Assessment) -> str:
    return flag_key(assessment.platform_id, assessment.account_id, assessment.post_id, assessment.content_hash)


def _account_key(platform_id: str, account_id: str | None) -> str | None:
    return None if account_id is None else account_key(platform_id, account_id)
