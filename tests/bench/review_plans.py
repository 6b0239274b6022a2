"""Plans of the console's queries for a database larger than the one that is filled.

The planner estimates rows as the stored density of a table times its pages, so the density is raised until the tables
appear to have the asked number of rows. Plans are those of EXPLAIN without execution.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, text

LARGE_ROWS = 100_000
"""So many rows must not be read one after the other."""
BLOCKING = frozenset({"Sort", "Incremental Sort", "Hash", "Aggregate", "Materialize"})
"""Nodes that read all rows below them, also under a limit."""


@dataclass(frozen=True)
class Explained:
    """The plan of a statement of a request, with the tables of which it reads many rows one after the other."""

    request: str
    statement: str
    plan: str
    scans: tuple[str, ...]


def raise_density(engine: Engine, factor: float) -> None:
    """Make all tables and indexes appear to have more rows by a factor, also to later sessions."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE pg_class SET reltuples = reltuples * :factor WHERE reltuples > 0 AND relkind IN ('r', 'i') "
                "AND relnamespace = 'public'::regnamespace"
            ),
            {"factor": factor},
        )


def explained(engine: Engine, found: Mapping[str, Mapping[str, Any]]) -> list[Explained]:
    """Return the plans of the statements of each request, each statement once."""
    seen: set[str] = set()
    plans = []
    with engine.connect() as connection:
        rows = _rows(connection)
        for request, statements in found.items():
            for statement, parameters in statements.items():
                if statement in seen:
                    continue
                seen.add(statement)
                plans.append(_explained(connection, rows, request, (statement, parameters)))
        connection.rollback()
    return plans


def _explained(connection: Connection, rows: Mapping[str, float], request: str, executed: tuple[str, Any]) -> Explained:
    statement, parameters = executed
    answer = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()
    (plan,) = answer if isinstance(answer, list) else json.loads(answer)
    lines = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars()
    scans = (f"{read:,.0f} rows of {table}" for table, read in expected_scans(plan["Plan"], rows) if read >= LARGE_ROWS)
    return Explained(request, " ".join(statement.split()), "\n".join(lines), tuple(scans))


def expected_scans(
    node: Mapping[str, Any], rows: Mapping[str, float], share: float = 1.0
) -> Iterator[tuple[str, float]]:
    """Yield each table that is read without an index, with the rows that the planner expects to read.

    *share* is the part of its rows that a node is asked for: a limit ends a scan early, as for a word of every text.
    """
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"], share * rows[node["Relation Name"]]
    for inner in node.get("Plans", ()):
        asked = 1.0 if node["Node Type"] in BLOCKING else share
        if node["Node Type"] == "Limit":
            asked = share * min(1.0, node["Plan Rows"] / max(1, inner["Plan Rows"]))
        yield from expected_scans(inner, rows, asked)


def _rows(connection: Connection) -> dict[str, float]:
    query = "SELECT relname, reltuples FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    return {str(name): float(count) for name, count in connection.execute(text(query))}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a node of a plan and all below it."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def printed(plans: list[Explained], write: Callable[[str], object]) -> int:
    """Print the plans and return the exit code: 1 where one reads a large table without an index."""
    for one in plans:
        write(f"\n{one.request}: {one.statement[:200]}\n{one.plan}\n")
    bad = [one for one in plans if one.scans]
    write(f"\n{len(plans)} plans; {len(bad)} read {LARGE_ROWS:,} rows of a table or more without an index\n")
    for one in bad:
        write(f"{one.request}: {', '.join(one.scans)}: {one.statement[:300]}\n")
    return 1 if bad else 0
