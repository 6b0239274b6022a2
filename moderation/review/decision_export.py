"""Decisions for export: without the words of people, with pseudonyms unless names are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select

from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import DecisionRow, FlagRow
from connectors.reviewdb.statements import table_of
from moderation.review.permissions import Actor
from moderation.review.pseudonyms import ShownNames

DECISIONS, FLAGS = table_of(DecisionRow), table_of(FlagRow)
PAGE = 1_000
COLUMNS = {
    "decision_id": "whole",
    "flag_id": "whole",
    "version": "whole",
    "supersedes": "whole",
    "platform_id": "text",
    "account_id": "text",
    "post_id": "text",
    "verdict": "text",
    "policy": "text",
    "role": "text",
    "reviewer": "text",
    "decided_at": "text",
    "seconds": "number",
}
"""The columns with their kinds. `seconds` is the time from the claim to the decision, `decided_at` is in UTC."""


def all_decisions(engine: Engine, since: datetime | None, *, names: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the decisions, oldest first. Raises ConnectionLost."""
    reader = Actor(0, "", "viewer", names=names)
    query = select(DECISIONS, FLAGS.c.platform_id, FLAGS.c.account_id, FLAGS.c.post_id)
    query = query.join(FLAGS, FLAGS.c.id == DECISIONS.c.flag_id)
    if since is not None:
        query = query.where(DECISIONS.c.decided_at >= since)
    after = 0
    while True:
        with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
            shown = ShownNames(connection, reader)
            page = query.where(DECISIONS.c.id > after).order_by(DECISIONS.c.id).limit(PAGE)
            rows = [_row(row, shown) for row in connection.execute(page)]
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1]["decision_id"]


def _row(row: Any, shown: ShownNames) -> dict[str, Any]:
    known = row._mapping
    derived = {
        "decision_id": row.id,
        "reviewer": shown.of(row.who),
        "decided_at": row.decided_at.astimezone(UTC).isoformat(),
    }
    return {name: derived[name] if name in derived else known[name] for name in COLUMNS}
