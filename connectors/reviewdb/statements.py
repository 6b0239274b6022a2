"""Statements that differ between the two databases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase

Upsert = postgresql.Insert | sqlite.Insert


def table_of(model: type[DeclarativeBase]) -> Table:
    """Return the table of a model."""
    return cast(Table, model.__table__)


def insert_into(connection: Connection, model: type[DeclarativeBase]) -> Upsert:
    """Return an insert with conflict handling."""
    table = table_of(model)
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def insert_new(connection: Connection, model: type[DeclarativeBase], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows in bulk; existing rows are not changed, and of duplicates within `rows` the first is inserted."""
    if rows:
        connection.execute(insert_into(connection, model).on_conflict_do_nothing(), list(rows))


def chunks(values: Iterable[str], size: int = 1_000) -> Iterator[list[str]]:
    """Yield the values in order, in parts that fit the parameters of a statement."""
    ordered = sorted(values)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def database_now(connection: Connection) -> datetime:
    """Return the time of the database in UTC, the common clock of all sidecars."""
    if connection.dialect.name == "postgresql":
        moment = connection.scalar(text("SELECT clock_timestamp()"))
        return cast(datetime, moment).astimezone(UTC)
    stamp = connection.scalar(text("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')"))
    return datetime.fromisoformat(cast(str, stamp)).replace(tzinfo=UTC)
