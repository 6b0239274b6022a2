"""Tables are written complete or not at all, with every text, and without formulas."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from moderation.cli.table_files import Form, write_rows
from moderation.errors import ConnectionLost

COLUMNS = {"id": "text", "score": "number", "signals": "texts"}
LONE = {"id": "lone \ud800", "score": -1.5, "signals": ["also \udfff"]}


@pytest.mark.parametrize(("encoding", "shown"), [("utf-8", "é lone \\ud800"), ("ascii", "\\xe9 lone \\ud800")])
def test_write_rows_writes_csv_in_the_encoding_of_standard_output(
    monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str
) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stdout)
    assert write_rows(None, "csv", COLUMNS, [LONE | {"id": "é lone \ud800"}]) == 1
    stdout.seek(0)
    (row,) = csv.DictReader(stdout)
    assert (row["id"], row["score"], row["signals"]) == (shown, "-1.5", '["also \\udfff"]')


def test_write_rows_escapes_lone_surrogates_in_parquet_lists(tmp_path: Path) -> None:
    output = tmp_path / "rows.parquet"
    write_rows(output, "parquet", COLUMNS, [LONE])
    (row,) = parquet.read_table(output).to_pylist()
    assert row == {"id": "lone \\ud800", "score": -1.5, "signals": ["also \\udfff"]}


def test_write_rows_puts_an_apostrophe_before_formulas_in_csv(tmp_path: Path) -> None:
    output = tmp_path / "rows.csv"
    ids = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "plain"]
    write_rows(output, "csv", COLUMNS, [{"id": one, "score": -1.0, "signals": []} for one in ids])
    with output.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "plain"]
    assert {row["score"] for row in rows} == {"-1.0"}


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_write_rows_keeps_the_file_where_the_rows_fail(tmp_path: Path, form: Form) -> None:
    def failing() -> Iterator[dict[str, Any]]:
        yield LONE
        raise ConnectionLost("the database does not answer")

    output = tmp_path / "rows"
    output.write_text("the table of yesterday")
    output.chmod(0o600)
    with pytest.raises(ConnectionLost):
        write_rows(output, form, COLUMNS, failing())
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("rows", "the table of yesterday")]
    assert write_rows(output, form, COLUMNS, [LONE]) == 1
    assert ([file.name for file in tmp_path.iterdir()], output.stat().st_mode & 0o777) == (["rows"], 0o600)


def test_write_rows_writes_to_a_device_and_through_a_link(tmp_path: Path) -> None:
    assert write_rows(Path("/dev/null"), "csv", COLUMNS, [LONE]) == 1
    assert Path("/dev/null").is_char_device()
    link, output = tmp_path / "link", tmp_path / "rows"
    link.symlink_to(output)
    assert write_rows(link, "jsonl", COLUMNS, [LONE]) == 1
    assert (link.is_symlink(), output.is_file()) == (True, True)
