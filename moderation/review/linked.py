"""Other flagged accounts on the same addresses, or with the same or similar texts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from connectors.reviewdb.columns import KeptText
from connectors.reviewdb.in_review import flags_of
from connectors.reviewdb.models import AccountInReviewRow, EvidenceRow, FlagRow
from connectors.reviewdb.statements import table_of
from moderation.review.shared_texts import COMPARED_CHARS, SharedText, jaccard, shared_texts, shingles

EVIDENCE, FLAGS, IN_REVIEW = table_of(EvidenceRow), table_of(FlagRow), table_of(AccountInReviewRow)
ROWS_READ = 300
"""Rows of evidence or flags that are read for one relation; accounts in further rows are not counted."""
MOST_LINKED = 50
COMPARED = 15
SOMEWHAT_SIMILAR = 0.3
"""Share of common word triples from which a text of an account on the same address is shown."""


@dataclass(frozen=True)
class LinkedAccount:
    """A flagged account that shares an address or a text with another one.

    `similarity` is the share of common word triples of two texts, and `shared_text` the beginning of the other one;
    `cleared` is True where a person once decided that it is not a violation.
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
    shared_text: str | None = None

    @property
    def by_text(self) -> bool:
        """Return whether the account posted the same text or a similar one."""
        return self.same_text or self.similarity is not None


@dataclass(frozen=True)
class Linked:
    """The accounts linked with one, those with a shared text first, then by risk, at most MOST_LINKED of `total`.

    With `more`, only a part of the evidence was read, so that `total` is the least number. `unflagged` accounts without
    a flag posted such a text too, as far as posts of the audit sample show.
    """

    accounts: tuple[LinkedAccount, ...] = ()
    total: int = 0
    more: bool = False
    unflagged: int = 0


def linked_accounts(connection: Connection, key: str, texts: Sequence[str]) -> Linked:
    """Return the accounts linked with an account that has *texts*.

    Similar texts are looked for everywhere, less similar ones on the same addresses in the strongest COMPARED accounts.
    """
    by_address, addresses_cut = _on_addresses_of(connection, key)
    by_text, texts_cut = _with_texts_of(connection, key)
    shared = shared_texts(connection, key, texts)
    rows = connection.execute(
        _strongest(by_address | by_text | set(shared.by_account), by_text, shared.by_account)
    ).all()
    compared = [row.top_assessment for row in rows if row.key not in by_text and row.top_assessment][:COMPARED]
    similar = _similarities(connection, compared, texts)
    verdicts = verdicts_of(connection, [row.key for row in rows])

    def linked(row: Any) -> LinkedAccount:
        text = shared.by_account.get(row.key) or similar.get(row.top_assessment)
        same = row.key in by_text or (text is not None and text.similarity == 1.0)
        found = verdicts.get(row.key, ())
        return LinkedAccount(
            key=row.key,
            account_id=row.account_id,
            open_flags=row.open_flags,
            risk=row.risk,
            same_address=row.key in by_address,
            same_text=same,
            similarity=None if same or text is None else text.similarity,
            confirmed="confirmed" in found,
            cleared="not_a_violation" in found,
            shared_text=None if text is None else text.text,
        )

    accounts = sorted(
        map(linked, rows), key=lambda one: (not one.same_text, -(one.similarity or 0.0), -one.risk, one.key)
    )
    unflagged = _without_flag(connection, shared.by_account)
    return Linked(tuple(accounts), rows[0].total if rows else 0, addresses_cut or texts_cut or shared.cut, unflagged)


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
    return jaccard(shingles(one), shingles(other))


def _strongest(keys: Collection[str], by_text: Collection[str], shared: Collection[str]) -> Any:
    """Return the query of the accounts that are listed, with the number of all of them."""
    first = case((IN_REVIEW.c.key.in_({*by_text, *shared}), 0), else_=1)
    query = select(IN_REVIEW, func.count().over().label("total")).where(IN_REVIEW.c.key.in_(keys))
    return query.order_by(first, IN_REVIEW.c.risk.desc(), IN_REVIEW.c.key).limit(MOST_LINKED)


def _without_flag(connection: Connection, keys: Collection[str]) -> int:
    """Return how many of the keys have no flag."""
    if not keys:
        return 0
    flagged = connection.scalar(select(func.count()).select_from(IN_REVIEW).where(IN_REVIEW.c.key.in_(keys)))
    return len(keys) - (flagged or 0)


def _on_addresses_of(connection: Connection, key: str) -> tuple[set[str], bool]:
    own = select(EVIDENCE.c.address_hash).where(EVIDENCE.c.account_key == key, EVIDENCE.c.address_hash.is_not(None))
    addresses = set(connection.scalars(own.limit(ROWS_READ)))
    if not addresses:
        return set(), False
    return _units(connection, EVIDENCE.c.address_hash.in_(addresses), EVIDENCE.c.account_key, key)


def _with_texts_of(connection: Connection, key: str) -> tuple[set[str], bool]:
    texts = set(connection.scalars(select(FLAGS.c.content_hash).where(flags_of(key)).limit(ROWS_READ)))
    return _units(connection, FLAGS.c.content_hash.in_(texts), FLAGS.c.account_key, key)


def _units(connection: Connection, shared: ColumnElement[bool], column: Any, key: str) -> tuple[set[str], bool]:
    """Return the accounts in at most ROWS_READ rows, and whether there are more rows."""
    some = (
        select(column.label("unit")).where(shared, column.is_not(None), column != key).limit(ROWS_READ + 1).subquery()
    )
    found = connection.execute(select(some.c.unit, func.count()).group_by(some.c.unit)).all()
    return {unit for unit, _ in found}, sum(count for _, count in found) > ROWS_READ


def _similarities(connection: Connection, assessments: Sequence[str], texts: Sequence[str]) -> Mapping[str, SharedText]:
    if not assessments or not texts:
        return {}
    start = func.substr(EVIDENCE.c.text, 1, COMPARED_CHARS, type_=KeptText())
    query = select(EVIDENCE.c.assessment_key, start).where(EVIDENCE.c.assessment_key.in_(assessments))
    own, found = [shingles(text) for text in texts], {}
    for assessment, text in connection.execute(query):
        words = shingles(text)
        most = max(jaccard(one, words) for one in own)
        if most >= SOMEWHAT_SIMILAR:
            found[assessment] = SharedText(most, text)
    return found
