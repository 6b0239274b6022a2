"""Writes the effects of one batch, within the transaction that moves its positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, select

from connectors.reviewdb import attribution, in_review, neighbours, quota, retention, rows
from connectors.reviewdb.attribution import PostRef
from connectors.reviewdb.models import (
    AssessmentRow,
    AuditSampleRow,
    DeletedPostRow,
    EvidenceRow,
    FlagRow,
    LabelRow,
    OutboxRecord,
)
from connectors.reviewdb.rows import Row
from connectors.reviewdb.statements import chunks, insert_into, insert_new, table_of
from moderation.effects import AuditSample, DeadLetter, Effects, FlagRaised

ASSESSMENTS = table_of(AssessmentRow)
Kept = Sequence[FlagRaised | AuditSample]


def apply(connection: Connection, effects: Effects, now: datetime, keep: timedelta, daily_quota: int) -> dict[str, int]:
    """Write all effects except the positions; applying the same ones twice has no effect.

    Returns counters of deletions and labels without an account that match no post, or posts of several accounts, and of
    accounts over the daily quota.
    """
    kept: Kept = [*effects.flags, *effects.audit_samples]
    assessments = [rows.assessment_row(item.assessment, now) for item in kept]
    evidence = [rows.evidence_row(item.assessment, item.evidence, now + keep) for item in kept]
    letters = [rows.outbox_row(letter, now) for letter in effects.dead_letters]
    erased = retention.erasures(connection, [row["account_key"] for row in (*evidence, *letters)])
    evidence = _storable(connection, kept, evidence, erased)
    insert_new(connection, AssessmentRow, [*assessments, *(rows.assessment_row(one, now) for one in effects.compared)])
    insert_new(connection, EvidenceRow, evidence)
    new = _insert_flags(connection, effects.flags, now)
    waiting = quota.spread(connection, rows.review_rows(new, now), now, daily_quota)
    in_review.add_open_flags(connection, waiting)
    neighbours.replace_followed(connection, new, now + keep, erased)
    insert_new(connection, AuditSampleRow, [rows.audit_row(sample, now) for sample in effects.audit_samples])
    insert_new(connection, LabelRow, [rows.label_row(label, now) for label in effects.labels])
    insert_new(connection, DeletedPostRow, [rows.deletion_row(deletion, now) for deletion in effects.deletions])
    letters = [
        retention.without_erased_bytes(row, _written_at(letter), erased, now)
        for row, letter in zip(letters, effects.dead_letters, strict=True)
    ]
    insert_new(connection, OutboxRecord, letters)
    counted = _attribute(connection, effects, kept, keep)
    over = sum(row["held_until"] is not None for row in waiting)
    return {**counted, "accounts_over_quota": over} if over else counted


def _insert_flags(connection: Connection, flags: Sequence[FlagRaised], now: datetime) -> list[FlagRaised]:
    """Insert flags and return those that did not exist, in their order; of two with one identity the first."""
    by_key: dict[str, tuple[Row, FlagRaised]] = {}
    for flag in flags:
        row = rows.flag_row(flag, now)
        by_key.setdefault(row["key"], (row, flag))
    if not by_key:
        return []
    statement = insert_into(connection, FlagRow).on_conflict_do_nothing().returning(table_of(FlagRow).c.key)
    new = set(connection.scalars(statement, [row for row, _ in by_key.values()]))
    return [flag for key, (_, flag) in by_key.items() if key in new]


def _storable(connection: Connection, kept: Kept, evidence: list[Row], erased: Mapping[str, datetime]) -> list[Row]:
    """Return the rows without evidence of erased accounts and of existing assessments.

    The evidence of existing assessments was written with them: where it is missing, it has expired or was erased.
    """
    known: set[str] = set()
    for keys in chunks({row["assessment_key"] for row in evidence}):
        found = connection.execute(select(ASSESSMENTS.c.key).where(ASSESSMENTS.c.key.in_(keys)))
        known.update(row.key for row in found)
    return [
        row
        for row, item in zip(evidence, kept, strict=True)
        if row["assessment_key"] not in known
        and not retention.is_erased(row["account_key"], item.assessment.event_time, erased)
    ]


def _attribute(connection: Connection, effects: Effects, kept: Kept, keep: timedelta) -> dict[str, int]:
    judged = [
        PostRef(item.assessment.platform_id, item.assessment.account_id, item.assessment.post_id) for item in kept
    ]
    deleted = [PostRef(deletion.platform_id, deletion.account_id, deletion.post_id) for deletion in effects.deletions]
    labelled = [
        PostRef(label.platform_id, label.account_id, label.post_id)
        for label in effects.labels
        if label.post_id is not None
    ]
    attribution.mark_deleted(connection, [*judged, *deleted], keep)
    attribution.attach_labels(connection, [*judged, *labelled])
    return {
        **attribution.outcomes(connection, deleted, "deletions"),
        **attribution.outcomes(connection, labelled, "labels"),
    }


def _written_at(letter: DeadLetter) -> datetime | None:
    if letter.origin.timestamp_ms is None:
        return None
    try:
        return datetime.fromtimestamp(letter.origin.timestamp_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
