"""Files of every usual form are read, or the error names what was found."""

from __future__ import annotations

import gzip
import io
import json
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from connectors.jsonl import HEAD_BYTES, JsonlSource, file_identity
from connectors.record_files import numbered_records
from moderation.errors import InputError

ROWS = [{"post_id": "1", "text": 'a "{[" \\ é'}, {"post_id": "2", "nested": {"list": [1, {"x": "]"}]}}, {}]
LINES = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode()
INDENTED = "\n".join(json.dumps(row, indent=2) for row in ROWS).encode()
SKIPPABLE_FRAME = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"index"


def with_long_window(content: bytes) -> bytes:
    """Compress as `zstd --long=28`, which needs more memory than zstd permits by default."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=28)
    frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return frame.compress(content) + frame.flush()


def rows(content: bytes) -> list[object]:
    return [json.loads(record) for _, record in numbered_records(io.BytesIO(content), "events.json")]


@pytest.mark.parametrize(
    "content",
    [
        LINES,
        LINES + b"\n",
        LINES.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + LINES,
        LINES.decode().encode("utf-16"),
        b"\xfe\xff" + LINES.decode().encode("utf-16-be"),
        gzip.compress(LINES),
        gzip.compress(LINES[:40]) + gzip.compress(LINES[40:]),
        zstandard.compress(LINES),
        zstandard.compress(LINES[:40]) + zstandard.compress(LINES[40:]),
        zstandard.compress(LINES) + SKIPPABLE_FRAME,
        with_long_window(LINES),
        json.dumps(ROWS).encode(),
        json.dumps(ROWS, indent=2).encode(),
        b"\n " + json.dumps(ROWS, indent=2).encode(),
        INDENTED,
        b"\xef\xbb\xbf" + INDENTED,
        gzip.compress(json.dumps(ROWS, indent=1).encode()),
    ],
)
def test_file_of_every_form_has_the_same_records(content: bytes) -> None:
    assert rows(content) == ROWS


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"PAR1....", "Parquet"),
        (b"Obj\x01....", "an Avro container file"),
        (b"PK\x03\x04....", "a ZIP archive"),
        (b"BZh9....", "bzip2"),
        (gzip.compress(b"PAR1...."), "Parquet"),
    ],
)
def test_file_of_another_format_is_refused_by_its_name(content: bytes, found: str) -> None:
    with pytest.raises(InputError, match=f"events.json is {found}; expected JSON"):
        rows(content)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(LINES * 100)[:-20],
        b"\x1f\x8bxx",
        zstandard.compress(LINES * 100)[:-20],
        zstandard.compress(LINES)[:7],
        zstandard.compress(LINES) + zstandard.compress(LINES)[:20],
        b"\x28\xb5\x2f\xfdxxxxxxxx",
        b"\xff\xfe{",
    ],
)
def test_damaged_file_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match=r"events\.json is damaged"):
        rows(content)


def test_records_are_numbered_by_line_and_by_item() -> None:
    numbered = list(numbered_records(io.BytesIO(b'{"a": 1}\n\n  \n{"a": 2}\n'), "f"))
    assert numbered == [(0, b'{"a": 1}'), (3, b'{"a": 2}')]
    items = list(numbered_records(io.BytesIO(b'[{"a": 1}, null, 5, {"a": 2}]'), "f"))
    assert items == [(0, b'{"a": 1}'), (1, b"null"), (2, b"5"), (3, b'{"a": 2}')]


def test_records_that_are_broken_are_left_to_the_decoder() -> None:
    assert [value for _, value in numbered_records(io.BytesIO(b'{"a": x}\npost_id,text\n{"a": 1}'), "f")] == [
        b'{"a": x}',
        b"post_id,text",
        b'{"a": 1}',
    ]
    assert [value for _, value in numbered_records(io.BytesIO(b'[{"a": 1}, {"b": '), "f")] == [b'{"a": 1}', b'{"b":']


class Dripping(io.RawIOBase):
    """A stream that returns a few bytes at a time, as a pipe does."""

    def __init__(self, content: bytes, cuts: list[int]) -> None:
        edges = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
        self._parts = [content[a:b] for a, b in pairwise(edges)]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._parts:
            return 0
        part = self._parts.pop(0)
        buffer[: len(part)] = part
        return len(part)


@given(st.lists(st.integers(8, 10_000), max_size=30), st.sampled_from([LINES, INDENTED, json.dumps(ROWS).encode()]))
def test_records_do_not_depend_on_how_a_pipe_delivers_them(cuts: list[int], content: bytes) -> None:
    edges = [cut for cut in cuts if cut % (len(content) + 1) > 60]
    found = numbered_records(io.BufferedReader(Dripping(content, edges)), "pipe")  # type: ignore[arg-type]
    assert [json.loads(record) for _, record in found] == ROWS


def test_file_source_reads_on_after_a_seek(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_bytes(json.dumps([{"n": number} for number in range(5)], indent=1).encode())
    source = JsonlSource(path, max_records=2)
    (partition,) = source.partitions()
    assert source.bounds() == {partition: (0, 5)}
    source.seek({partition: 3})
    found = source.poll(0)
    assert [(origin.offset, json.loads(origin.value or b"")) for origin in found] == [(3, {"n": 3}), (4, {"n": 4})]
    assert not source.poll(0)
    assert source.ended
    source.close()


def test_file_identity_survives_growth_and_changes_with_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    path.write_bytes(b'{"day": "monday"}\n')
    monday = file_identity(path)
    path.write_bytes(b'{"day": "monday"}\n{"more": 1}\n')
    assert file_identity(path, [monday]) == monday
    path.write_bytes(b'{"day": "tuesday"}\n{"more": 1}\n')
    assert file_identity(path, [monday]) != monday
    path.write_bytes(b'{"day":')
    assert file_identity(path, [monday]) != monday
    path.write_bytes(b"x" * (HEAD_BYTES + 5))
    assert file_identity(path, [monday, "unknown form"]).startswith(f"{HEAD_BYTES}:")
