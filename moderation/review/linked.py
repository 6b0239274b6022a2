"""Other flagged accounts on the same addresses, or with the same or similar texts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Integer, String, and_, bindparam, case, func, or_, select

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
    with_text = by_text | set(shared.by_account)
    rows = _strongest(connection, by_address | with_text, with_text)
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
    listed = {row.key for row in rows}
    unflagged = _without_flag(connection, [other for other in shared.by_account if other not in listed])
    return Linked(tuple(accounts), rows[0].total if rows else 0, addresses_cut or texts_cut or shared.cut, unflagged)


def verdicts_of(connection: Connection, keys: Collection[str]) -> dict[str, set[str]]:
    """Return the present verdicts about the flags of each account, as far as there are any."""
    found: dict[str, set[str]] = {}
    if not keys:
        return found
    for account, was_cleared, was_confirmed in connection.execute(_VERDICTS, {"keys": list(keys)}):
        words = {"not_a_violation": was_cleared, "confirmed": was_confirmed}
        found[account] = {word for word, seen in words.items() if seen}
    return found


def similarity(one: str, other: str) -> float:
    """Return the share of word triples that two texts have in common (Jaccard), 0 for texts without one."""
    return jaccard(shingles(one), shingles(other))


def _strongest(connection: Connection, keys: Collection[str], first: Collection[str]) -> Sequence[Any]:
    """Return the rows of the accounts that are listed, each with the number of all of them."""
    if not keys:
        return ()
    return connection.execute(_STRONGEST, {"keys": list(keys), "first": list(first), "most": MOST_LINKED}).all()


def _without_flag(connection: Connection, keys: Collection[str]) -> int:
    """Return how many of the keys have no flag."""
    if not keys:
        return 0
    return len(keys) - (connection.scalar(_FLAGGED, {"keys": list(keys)}) or 0)


def _on_addresses_of(connection: Connection, key: str) -> tuple[set[str], bool]:
    own = {"key": key, "most": ROWS_READ}
    return _units(connection, _BY_ADDRESS, key, connection.scalars(_OWN_ADDRESSES, own))


def _with_texts_of(connection: Connection, key: str) -> tuple[set[str], bool]:
    own = {"key": key, "most": ROWS_READ}
    return _units(connection, _BY_TEXT, key, connection.scalars(_OWN_TEXTS, own))


def _units(connection: Connection, query: Any, key: str, shared: Iterable[str]) -> tuple[set[str], bool]:
    """Return the accounts in at most ROWS_READ rows with one of the values, and whether there are more rows."""
    values = list(set(shared))
    if not values:
        return set(), False
    found = connection.execute(query, {"key": key, "values": values, "most": ROWS_READ + 1}).all()
    return {unit for unit, _ in found}, sum(count for _, count in found) > ROWS_READ


def _similarities(connection: Connection, assessments: Sequence[str], texts: Sequence[str]) -> Mapping[str, SharedText]:
    if not assessments or not texts:
        return {}
    own, found = [shingles(text) for text in set(texts)], {}
    for assessment, text in connection.execute(_BEGINNINGS, {"keys": assessments}):
        words = shingles(text)
        most = max(jaccard(one, words) for one in own)
        if most >= SOMEWHAT_SIMILAR:
            found[assessment] = SharedText(most, text)
    return found


def _sharing(value: Any, unit: Any) -> Any:
    """Return the query of the accounts with one of the parameter `values`, apart from the account itself."""
    shared = value.in_(bindparam("values", expanding=True))
    rows = select(unit.label("unit")).where(shared, unit.is_not(None), unit != KEY)
    some = rows.limit(bindparam("most", type_=Integer)).subquery()
    return select(some.c.unit, func.count()).group_by(some.c.unit)


# Statements that are built once, because building them costs more than executing them.
KEY = bindparam("key", type_=String)
KEYS = bindparam("keys", expanding=True, type_=String)
_UNIT = func.coalesce(FLAGS.c.account_key, FLAGS.c.post_key)
_VERDICTS = (
    select(
        _UNIT,
        func.max(case((FLAGS.c.status == "not_a_violation", 1), else_=0)),
        func.max(case((FLAGS.c.status == "confirmed", 1), else_=0)),
    )
    .where(or_(FLAGS.c.account_key.in_(KEYS), and_(FLAGS.c.post_key.in_(KEYS), FLAGS.c.account_key.is_(None))))
    .where(FLAGS.c.status != "open")
    .group_by(_UNIT)
)
_STRONGEST = (
    select(IN_REVIEW, func.count().over().label("total"))
    .where(IN_REVIEW.c.key.in_(KEYS))
    .order_by(case((IN_REVIEW.c.key.in_(bindparam("first", expanding=True, type_=String)), 0), else_=1))
    .order_by(IN_REVIEW.c.risk.desc(), IN_REVIEW.c.key)
    .limit(bindparam("most", type_=Integer))
)
_FLAGGED = select(func.count()).select_from(IN_REVIEW).where(IN_REVIEW.c.key.in_(KEYS))
_OWN_ADDRESSES = (
    select(EVIDENCE.c.address_hash)
    .where(EVIDENCE.c.account_key == KEY, EVIDENCE.c.address_hash.is_not(None))
    .limit(bindparam("most", type_=Integer))
)
_OWN_TEXTS = select(FLAGS.c.content_hash).where(flags_of(KEY)).limit(bindparam("most", type_=Integer))
_BY_ADDRESS = _sharing(EVIDENCE.c.address_hash, EVIDENCE.c.account_key)
_BY_TEXT = _sharing(FLAGS.c.content_hash, FLAGS.c.account_key)
_BEGINNINGS = select(
    EVIDENCE.c.assessment_key, func.substr(EVIDENCE.c.text, 1, COMPARED_CHARS, type_=KeptText())
).where(EVIDENCE.c.assessment_key.in_(KEYS))
