"""Near-duplicate texts of other accounts, on any address: found by keys of their words, then compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, Integer, String, bindparam, func, or_, select

from connectors.reviewdb.columns import KeptText
from connectors.reviewdb.models import EvidenceRow
from connectors.reviewdb.rows import BAND_COLUMNS, bands_of
from connectors.reviewdb.statements import table_of

EVIDENCE = table_of(EvidenceRow)
COMPARED_CHARS = 1_000
TEXTS_READ = 200
"""Accounts of which a text is read and compared; where there are more, the list is not complete."""
SHINGLE_WORDS = 3
SIMILAR = 0.5
"""Share of common word triples from which a text of an account on another address is shown."""


_UNIT = func.coalesce(EVIDENCE.c.account_key, EVIDENCE.c.post_key)
_START = func.substr(EVIDENCE.c.text, 1, COMPARED_CHARS, type_=KeptText())
_SHARED = or_(*(EVIDENCE.c[name].in_(bindparam(name, expanding=True, type_=BigInteger)) for name in BAND_COLUMNS))
# One text of each account, so that one that posts very many of them hides no other.
_ALIKE = (
    select(_UNIT, func.min(_START, type_=KeptText()))
    .where(_SHARED, bindparam("key", type_=String) != _UNIT)
    .group_by(_UNIT)
    .order_by(_UNIT)
    .limit(bindparam("most", type_=Integer))
)


@dataclass(frozen=True)
class SharedText:
    """A text of another account: the share of common word triples, and its beginning."""

    similarity: float
    text: str


@dataclass(frozen=True)
class SharedTexts:
    """The most similar text of each account, by its key. With *cut*, there are more texts than were compared."""

    by_account: Mapping[str, SharedText]
    cut: bool


def shared_texts(connection: Connection, key: str, texts: Sequence[str]) -> SharedTexts:
    """Return the accounts and posts without an account whose kept texts share most words with one of *texts*.

    Of texts with 80 % of their word triples in common, the keys find 88 of 100; with 90 %, 98.
    """
    different = set(texts)
    bands: dict[str, set[int]] = {column: set() for column in BAND_COLUMNS}
    for text in different:
        for column, band in bands_of(text).items():
            if band is not None:
                bands[column].add(band)
    if not any(bands.values()):
        return SharedTexts({}, cut=False)
    values = {column: list(found) for column, found in bands.items()}
    rows = connection.execute(_ALIKE, {"key": key, "most": TEXTS_READ + 1, **values}).all()
    own, similar = [shingles(text) for text in different], dict[str, SharedText]()
    for other, text in rows[:TEXTS_READ]:
        words = shingles(text)
        most = max(jaccard(one, words) for one in own)
        if most >= SIMILAR and (other not in similar or most > similar[other].similarity):
            similar[other] = SharedText(most, text)
    return SharedTexts(similar, cut=len(rows) > TEXTS_READ)


def jaccard(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    """Return the share of common elements of two sets, 0 where one is empty."""
    return len(one & other) / len(one | other) if one and other else 0.0


def shingles(text: str) -> set[tuple[str, ...]]:
    """Return the word triples of the beginning of a text."""
    words = text[:COMPARED_CHARS].casefold().split()
    return {tuple(words[at : at + SHINGLE_WORDS]) for at in range(len(words) - SHINGLE_WORDS + 1)}
