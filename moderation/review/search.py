"""Full-text search: accounts in review whose kept texts contain words."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Engine, and_, bindparam, func, select, text

from connectors.reviewdb.columns import KeptText
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.identity import account_key
from connectors.reviewdb.models import AccountInReviewRow, EvidenceRow
from connectors.reviewdb.statements import table_of
from moderation.review.refusals import InvalidValue

EVIDENCE, IN_REVIEW = table_of(EvidenceRow), table_of(AccountInReviewRow)
COLUMNS = tuple(IN_REVIEW.c[name] for name in ("key", "account_id", "open_flags", "risk"))
MAX_QUERY_CHARS = 600
ROWS_READ = 300
SHOWN = 100
SNIPPET_CHARS = 240
MATCHES = "to_tsvector('simple', substr(evidence.text, 1, 20000)) @@ websearch_to_tsquery('simple', :words)"
"""The expression of the index in revision 0007: the first 20 000 characters of a text are searched."""


@dataclass(frozen=True)
class Found:
    """An account with the beginning of a text that matched; `snippet` is None where the id matched."""

    key: str
    account_id: str | None
    open_flags: int
    risk: float
    snippet: str | None


def search(engine: Engine, platform_id: str, words: str) -> tuple[Found, ...]:
    """Return the account whose id is *words*, then those whose texts contain all words, highest risk first.

    At most ROWS_READ texts are read and SHOWN accounts returned, so there can be more. On PostgreSQL, words are matched
    as `websearch_to_tsquery` does: "quotes" for a phrase, - to exclude a word. Raises InvalidValue for an empty or
    very long query.
    """
    wanted = words.strip()
    if not wanted or len(wanted) > MAX_QUERY_CHARS:
        raise InvalidValue(f"the search must have 1 to {MAX_QUERY_CHARS} characters, got {len(wanted)}")
    unit = func.coalesce(EVIDENCE.c.account_key, EVIDENCE.c.post_key).label("unit")
    start = func.substr(EVIDENCE.c.text, 1, SNIPPET_CHARS, type_=KeptText()).label("snippet")
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        flagged = select(unit, start).join(IN_REVIEW, IN_REVIEW.c.key == unit)
        rows = flagged.where(_contains(connection, wanted)).limit(ROWS_READ).subquery()
        texts = select(rows.c.unit, func.min(rows.c.snippet).label("snippet")).group_by(rows.c.unit).subquery()
        query = select(*COLUMNS, texts.c.snippet).join(texts, texts.c.unit == IN_REVIEW.c.key)
        query = query.order_by(IN_REVIEW.c.risk.desc(), IN_REVIEW.c.key).limit(SHOWN)
        found = [Found(**row) for row in connection.execute(query).mappings()]
        own = connection.execute(select(*COLUMNS).where(IN_REVIEW.c.key == account_key(platform_id, wanted)))
        by_id = [Found(**row, snippet=None) for row in own.mappings()]
    keys = {one.key for one in by_id}
    return (*by_id, *(one for one in found if one.key not in keys))


def _contains(connection: Connection, words: str) -> ColumnElement[bool]:
    """Return the condition; SQLite, which serves the demo, compares parts of texts without an index."""
    if connection.dialect.name == "postgresql":
        return and_(text(MATCHES).bindparams(bindparam("words", words, KeptText())))
    return and_(*(EVIDENCE.c.text.contains(word, autoescape=True) for word in words.split()))
