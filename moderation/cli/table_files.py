"""Writes rows as JSON lines, CSV or Parquet."""

from __future__ import annotations

import csv
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TextIO

from moderation.errors import SettingsError

Form = Literal["jsonl", "csv", "parquet"]
GROUP_ROWS = 10_000
"""Rows of a Parquet row group, which are in memory at a time."""
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""First signs of a cell that a spreadsheet computes. Source: OWASP, "CSV Injection"."""


def write_rows(output: Path | None, form: Form, columns: Mapping[str, str], rows: Iterable[dict[str, Any]]) -> int:
    """Write rows and return their number. Kinds of columns are "text", "whole", "number", "truth", "texts" and
    "numbers".

    A file is replaced when all rows are written; a failure leaves it as it was. In CSV, a text that a spreadsheet would
    compute begins with an apostrophe. Raises SettingsError for a file that cannot be written, and for
    Parquet without a file or without pyarrow.
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
        writer.writerow({name: _cell(value, columns[name], file.encoding) for name, value in row.items()})
    return count


def _cell(value: Any, kind: str, encoding: str) -> Any:
    """Return a value as a CSV cell that the encoding has and that a spreadsheet does not compute."""
    if isinstance(value, list):
        return json.dumps(value)
    if kind == "text" and isinstance(value, str) and value.startswith(FORMULA_SIGNS):
        value = f"'{value}"
    return _encodable(value, encoding)


def _parquet(output: Path, columns: Mapping[str, str], rows: Iterable[dict[str, Any]]) -> int:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise SettingsError(
            "the format parquet needs the package pyarrow; run pip install -e '.[parquet]' in its source directory"
        ) from None
    kinds = {
        "text": pa.string(),
        "whole": pa.int64(),
        "number": pa.float64(),
        "truth": pa.bool_(),
        "texts": pa.list_(pa.string()),
        "numbers": pa.list_(pa.float64()),
    }
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    count = 0
    with _fresh(output) as path, parquet.ParquetWriter(path, schema) as writer:
        for group in _groups(rows):
            count += len(group)
            encodable = [{name: _encodable(value) for name, value in row.items()} for row in group]
            writer.write_table(pa.Table.from_pylist(encodable, schema=schema))
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


def _encodable(value: Any, encoding: str = "utf-8") -> Any:
    """Return a value whose texts can be encoded: lone surrogates become their escapes."""
    if isinstance(value, list):
        return [_encodable(one, encoding) for one in value]
    return value.encode(encoding, "backslashreplace").decode(encoding) if isinstance(value, str) else value


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    with _fresh(output) as path, path.open("w", encoding="utf-8", newline="") as file:
        yield file


@contextmanager
def _fresh(output: Path) -> Iterator[Path]:
    """Yield the path of a new file, which replaces *output* at the end; a device or a pipe is written as it is."""
    with _refusing(output):
        if output.exists() and not output.is_file():
            yield output
            return
        place = Path(os.path.realpath(output))
        fresh = place.with_name(f".{secrets.token_hex(8)}.part")
        try:
            yield fresh
            if place.exists():
                shutil.copymode(place, fresh)
            fresh.replace(place)
        finally:
            fresh.unlink(missing_ok=True)


@contextmanager
def _refusing(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise SettingsError(f"{output} cannot be written: {reason}; name another file with --output") from None
