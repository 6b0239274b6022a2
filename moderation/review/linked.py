"""Other flagged accounts on the same addresses, or with the same or similar texts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from connectors.reviewdb.in_review import flags_of
from connectors.reviewdb.models import AccountInReviewRow, EvidenceRow, FlagRow
from connectors.reviewdb.statements import table_of

EVIDENCE, FLAGS, IN_REVIEW = table_of(EvidenceRow), table_of(FlagRow), table_of(AccountInReviewRow)
ROWS_READ = 300
"""Rows of evidence or flags that are read for one relation; the accounts beyond are not listed."""
MOST_LINKED = 50
COMPARED = 15
COMPARED_CHARS = 1_000
SHINGLE_WORDS = 3
SIMILAR = 0.3
"""Share of common word triples from which two texts are shown as similar."""


@dataclass(frozen=True)
class LinkedAccount:
    """A flagged account that shares an address or a text with another one.

    `similarity` is the share of common word triples of two texts, where it is at least SIMILAR; `cleared` is True where
    a person once decided that it is not a violation.
    """

    key: str
    account_id: str | None
    open_flags: int
    risk: float
    same_address: bool
    same_text: bool
    similarity: float | None
    confirmed: bool
    cleared: bool


def linked_accounts(connection: Connection, key: str, texts: Sequence[str]) -> tuple[LinkedAccount, ...]:
    """Return the accounts linked with an account: same text first, then similar texts, then the highest risk.

    Similar texts are looked for among the accounts on the same addresses, the strongest COMPARED of them.
    """
    by_address, by_text = set(_on_addresses_of(connection, key)), set(_with_texts_of(connection, key))
    query = select(IN_REVIEW).where(IN_REVIEW.c.key.in_(by_address | by_text))
    rows = connection.execute(query.order_by(IN_REVIEW.c.risk.desc(), IN_REVIEW.c.key).limit(MOST_LINKED)).all()
    compared = [row.top_assessment for row in rows if row.key not in by_text and row.top_assessment][:COMPARED]
    similar = _similarities(connection, compared, texts)
    verdicts = verdicts_of(connection, [row.key for row in rows])
    found = [
        LinkedAccount(
            key=row.key,
            account_id=row.account_id,
            open_flags=row.open_flags,
            risk=row.risk,
            same_address=row.key in by_address,
            same_text=row.key in by_text,
            similarity=similar.get(row.top_assessment),
            confirmed="confirmed" in verdicts.get(row.key, ()),
            cleared="not_a_violation" in verdicts.get(row.key, ()),
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda one: (not one.same_text, -(one.similarity or 0.0), -one.risk, one.key)))


def verdicts_of(connection: Connection, keys: Collection[str]) -> dict[str, set[str]]:
    """Return the present verdicts about the flags of each account, as far as there are any."""
    cleared = func.max(case((FLAGS.c.status == "not_a_violation", 1), else_=0))
    confirmed = func.max(case((FLAGS.c.status == "confirmed", 1), else_=0))
    unit = func.coalesce(FLAGS.c.account_key, FLAGS.c.post_key)
    alone = and_(FLAGS.c.post_key.in_(keys), FLAGS.c.account_key.is_(None))
    query = select(unit, cleared, confirmed).where(or_(FLAGS.c.account_key.in_(keys), alone)).group_by(unit)
    found: dict[str, set[str]] = {}
    for account, was_cleared, was_confirmed in connection.execute(query.where(FLAGS.c.status != "open")):
        words = {"not_a_violation": was_cleared, "confirmed": was_confirmed}
        found[account] = {word for word, seen in words.items() if seen}
    return found


def similarity(one: str, other: str) -> float:
    """Return the share of word triples that two texts have in common (Jaccard), 0 for texts without one."""
    return _jaccard(_shingles(one), _shingles(other))


def _on_addresses_of(connection: Connection, key: str) -> Iterable[str]:
    own = select(EVIDENCE.c.address_hash).where(EVIDENCE.c.account_key == key, EVIDENCE.c.address_hash.is_not(None))
    addresses = set(connection.scalars(own.limit(ROWS_READ)))
    return _units(connection, EVIDENCE.c.address_hash.in_(addresses), EVIDENCE.c.account_key, key) if addresses else ()


def _with_texts_of(connection: Connection, key: str) -> Iterable[str]:
    texts = set(connection.scalars(select(FLAGS.c.content_hash).where(flags_of(key)).limit(ROWS_READ)))
    return _units(connection, FLAGS.c.content_hash.in_(texts), FLAGS.c.account_key, key) if texts else ()


def _units(connection: Connection, shared: ColumnElement[bool], column: Any, key: str) -> Iterable[str]:
    some = select(column.label("unit")).where(shared, column.is_not(None), column != key).limit(ROWS_READ).subquery()
    return connection.scalars(select(some.c.unit).distinct())


def _similarities(connection: Connection, assessments: Sequence[str], texts: Sequence[str]) -> Mapping[str, float]:
    query = select(EVIDENCE.c.assessment_key, EVIDENCE.c.text).where(EVIDENCE.c.assessment_key.in_(assessments))
    own = [_shingles(text) for text in texts]
    found = {}
    for assessment, text in connection.execute(query):
        other = _shingles(text)
        most = max((_jaccard(one, other) for one in own), default=0.0)
        if most >= SIMILAR:
            found[assessment] = most
    return found


def _jaccard(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = text[:COMPARED_CHARS].casefold().split()
    return {tuple(words[at : at + SHINGLE_WORDS]) for at in range(len(words) - SHINGLE_WORDS + 1)}
