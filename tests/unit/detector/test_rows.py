"""Text data are read completely or refused with an error message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from moderation.checksum import sha256_of
from moderation.errors import InputError
from moderation.lab.textdata.manifest import DataManifest, Split, read_data_manifest
from moderation.lab.textdata.rows import read_rows

_ROW = {"id": "a", "source": "forum", "label": 0, "text": "the ferry left early"}


def _lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _written(folder: Path, content: bytes) -> tuple[Path, Split, DataManifest]:
    file = folder / "text_train.jsonl.zst"
    file.write_bytes(content)
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"files": {file.name: sha256_of(file)}}))
    return folder, "train", read_data_manifest(manifest)


def test_several_frames_and_unterminated_line_are_read(tmp_path: Path) -> None:
    frames = [_lines(_ROW | {"id": name}) for name in "ab"] + [_lines(_ROW | {"id": "c"})[:-1]]
    content = b"".join(zstandard.compress(frame) for frame in frames)
    assert [row.id for row in read_rows(*_written(tmp_path, content))] == ["a", "b", "c"]


def test_line_may_cross_frames(tmp_path: Path) -> None:
    whole = _lines(_ROW)
    content = zstandard.compress(whole[:20]) + zstandard.compress(whole[20:])
    assert [row.text for row in read_rows(*_written(tmp_path, content))] == [_ROW["text"]]


_MANY = zstandard.compress(_lines(*(_ROW | {"id": str(number), "text": f"{number * 7919}"} for number in range(500))))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_lines(_ROW), "cannot be decompressed"),
        (_MANY[: len(_MANY) // 2], "ends in the middle"),
        (zstandard.compress(b'{"id": "\xff"}\n'), "Line 1 .* is not a text row"),
        (zstandard.compress(b"[" * 100_000 + b"\n"), "Line 1 .* is not a text row"),
        (zstandard.compress(_lines(_ROW, {"id": "b"})), "Line 2 .* is not a text row"),
        (zstandard.compress(_lines(_ROW | {"label": 2})), "label must be 0 .* got 2"),
        (zstandard.compress(_lines(_ROW | {"label": 0.7})), "label must be 0 .* got 0.7"),
        (zstandard.compress(_lines(_ROW | {"label": "1"})), "label must be 0 .* got '1'"),
        (zstandard.compress(_lines(_ROW, _ROW)), "Line 2 .* repeats the id a"),
    ],
    ids=["plain", "cut", "bytes", "nested", "fields", "two", "fraction", "words", "twice"],
)
def test_invalid_text_data_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(read_rows(*_written(tmp_path, content)))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"files": {"a": 1}}', r"\(files\.a: Input should be a valid string\)"),
        ("[]", r"\(Input should be an object\)"),
        ("{} {}", r"\(Invalid JSON: trailing characters at line 1 column 4\)"),
    ],
)
def test_a_file_that_is_no_data_manifest_is_refused_with_the_field(content: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(content, "utf-8")
    with pytest.raises(InputError, match=rf"own\.json is not a data manifest {reason}; see docs/guides/training\.md"):
        read_data_manifest(tmp_path / "own.json")
