"""Reads the tables of real metadata: CSV files, compressed or not."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from moderation.errors import InputError

Table = Mapping[str, list[str]]
"""The values of each column."""


def read_table(path: Path, columns: tuple[str, ...]) -> Table:
    """Return the columns of a CSV file, `.zst` or plain. Raises InputError when the file or a column is missing."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read {path} ({error.strerror}): give the directory that contains it.") from None
    rows = csv.DictReader(io.StringIO(_plain(raw, path), newline=""))
    if missing := [name for name in columns if name not in (rows.fieldnames or ())]:
        raise InputError(f"{path} has no column {missing[0]}; it needs {', '.join(columns)}.")
    found: dict[str, list[str]] = {name: [] for name in columns}
    for row in rows:
        for name in columns:
            found[name].append(row[name] or "")
    return found


def _plain(raw: bytes, path: Path) -> str:
    if path.suffix != ".zst":
        return raw.decode("utf-8", "replace")
    try:
        import zstandard
    except ImportError:
        raise InputError(
            "Reading the data needs zstandard: pip install -e '.[export]' in its source directory."
        ) from None
    content = b""
    try:
        while raw:
            frame = zstandard.ZstdDecompressor().decompressobj()
            content += frame.decompress(raw)
            if not frame.eof:
                raise InputError(f"{path} ends in the middle of its compressed data; fetch or compress it again.")
            raw = frame.unused_data
    except zstandard.ZstdError as error:
        raise InputError(f"{path} cannot be decompressed ({error}); compress the CSV file with zstd.") from None
    return str(content, "utf-8", "replace")
