"""The bytes of a record are read through their framing, or the error names what they are."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.events.wire import NotAnObject, read_key, read_object

RECORD = {"post_id": "1", "text": "We walked home."}
LINE = json.dumps(RECORD).encode()


@pytest.mark.parametrize(
    "value",
    [
        LINE,
        LINE.decode(),
        b"\xef\xbb\xbf" + LINE,
        b"\x1e" + LINE,
        b"\x00\x00\x00\x00\x07" + LINE,
        b"\x00\x00\x00\x00\x07 " + LINE,
        json.dumps(LINE.decode()).encode(),
        LINE + b"\r\n",
    ],
)
def test_wire_framing_around_json_is_read_through(value: bytes | str) -> None:
    assert read_object(value) == RECORD


def test_wire_null_is_a_tombstone() -> None:
    assert read_object(b"null") is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x00\x00\x00\x00\x07\x021\x10hi there", r"schema registry \(schema 7\) and not JSON, so Avro or Protobuf"),
        (b"\x00\x01", "begin with a zero byte"),
        (gzip.compress(LINE), "but gzip"),
        (b"\x28\xb5\x2f\xfdxx", "but zstd"),
        (LINE.decode().encode("utf-16"), "but UTF-16"),
        (b"PAR1xx", "but Parquet"),
        (b"post_id,text", "must begin with '{', this one begins with 'post_id,text'"),
        (b"[1, 2]", "a list of 2; send one record per object"),
        (b"[" * 100_000, "not JSON"),
        (b"12", "a number"),
        (b'"text"', "but text"),
        (b"true", "true or false"),
        (b"", "must begin with"),
        (b'{"a": ', "not JSON in UTF-8: EOF"),
    ],
)
def test_wire_anything_else_is_refused_by_its_name(value: bytes, reason: str) -> None:
    with pytest.raises(NotAnObject, match=reason):
        read_object(value)


@given(st.binary(max_size=60) | st.binary(max_size=20).map(lambda tail: b"\x00" * 5 + tail))
def test_wire_any_bytes_are_an_object_or_refused(value: bytes) -> None:
    with suppress(NotAnObject):
        found = read_object(value)
        assert found is None or isinstance(found, dict)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (None, None),
        (b'{"id": 5}', {"id": 5}),
        (b'\x00\x00\x00\x00\x07{"id": 5}', {"id": 5}),
        (b'"quoted"', "quoted"),
        (b"00123", "00123"),
        (b"{broken", "{broken"),
        (b"\xff", "\\xff"),
    ],
)
def test_wire_key_is_json_or_text(key: bytes | None, expected: Any) -> None:
    assert read_key(key) == expected
