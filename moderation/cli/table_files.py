"""Writes rows as JSON lines, CSV or Parquet."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TextIO

from moderation.errors import SettingsError

Form = Literal["jsonl", "csv", "parquet"]
GROUP_ROWS = 10_000
"""Rows of a Parquet row group, which are in memory at a time."""


def write_rows(output: Path | None, form: Form, columns: Mapping[str, str], rows: Iterable[dict[str, Any]]) -> int:
    """Write rows and return their number. Kinds of columns are "text", "whole", "number" and "texts".

    Raises SettingsError for a file that cannot be written, and for Parquet without a file or without pyarrow.
    """
    if form == "parquet":
        if output is None:
            raise SettingsError("the format parquet needs a file; name it with --output")
        return _parquet(output, columns, rows)
    with _opened(output) as file:
        return _jsonl(file, rows) if form == "jsonl" else _csv(file, columns, rows)


def _jsonl(file: TextIO, rows: Iterable[dict[str, Any]]) -> int:
    count = 0
    for row in rows:
        count += 1
        file.write(json.dumps(row) + "\n")
    return count


def _csv(file: TextIO, columns: Mapping[str, str], rows: Iterable[dict[str, Any]]) -> int:
    writer = csv.DictWriter(file, list(columns), lineterminator="\n")
    writer.writeheader()
    count = 0
    for row in rows:
        count += 1
        writer.writerow({name: json.dumps(value) if isinstance(value, list) else value for name, value in row.items()})
    return count


def _parquet(output: Path, columns: Mapping[str, str], rows: Iterable[dict[str, Any]]) -> int:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise SettingsError(
            "the format parquet needs the package pyarrow; install moderation-sidecar[parquet]"
        ) from None
    kinds = {"text": pa.string(), "whole": pa.int64(), "number": pa.float64(), "texts": pa.list_(pa.string())}
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    count = 0
    with _refusing(output), parquet.ParquetWriter(output, schema) as writer:
        for group in _groups(rows):
            count += len(group)
            writer.write_table(pa.Table.from_pylist([_encodable(row) for row in group], schema=schema))
    return count


def _groups(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    for row in rows:
        group.append(row)
        if len(group) == GROUP_ROWS:
            yield group
            group = []
    if group:
        yield group


def _encodable(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without lone surrogates, which Parquet cannot store; they become their escapes."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for name, value in row.items()
    }


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    with _refusing(output), output.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        yield file


@contextmanager
def _refusing(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise SettingsError(f"{output} cannot be written: {reason}; name another file with --output") from None
