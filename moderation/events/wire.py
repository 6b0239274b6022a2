"""Parses the bytes of a record as a JSON object, or raises an error with the format that was found."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic_core import from_json

_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_UTF8_BOM = b"\xef\xbb\xbf"
_RECORD_SEPARATOR = b"\x1e"  # RFC 7464, JSON text sequences
_FRAME = 5
"""Number of bytes before the payload in the Confluent wire format: a zero byte and the schema id."""
SIGNATURES = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PAR1", "Parquet"),
    (b"Obj\x01", "an Avro container file"),
    (b"ORC", "ORC"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


class NotAnObject(ValueError):
    """A record that is not a JSON object; the message contains the format that was found."""


def read_object(value: bytes | str) -> dict[str, Any] | None:
    """Return the JSON object in a record; None for JSON null, which is a tombstone in a file.

    A byte-order mark, a record separator, the frame of a schema registry around JSON, and JSON inside a JSON string
    are accepted. Raises NotAnObject.
    """
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    found = _read(_unframed(value.removeprefix(_UTF8_BOM).removeprefix(_RECORD_SEPARATOR)))
    if isinstance(found, str) and found.lstrip()[:1] == "{":
        found = _read(found.encode("utf-8", "surrogatepass"))
    if found is None or isinstance(found, dict):
        return found
    raise NotAnObject(f"not a JSON object but {_described(found)}")


def read_key(key: bytes | None) -> Any:
    """Return the key of a record: parsed if it is a JSON object, list or string, else as text; None without a key."""
    if key is None:
        return None
    key = key[_FRAME:] if key[:1] == b"\x00" and len(key) > _FRAME else key
    if key.lstrip()[:1] in (b"{", b"[", b'"'):
        try:
            return from_json(key)
        except ValueError:
            pass
    return key.decode("utf-8", "backslashreplace")


def _unframed(value: bytes) -> bytes:
    if value[:1] != b"\x00":
        return value
    payload = value[_FRAME:]
    if payload.lstrip()[:1] == b"{":
        return payload
    if len(value) <= _FRAME:
        raise NotAnObject("not JSON: bytes that begin with a zero byte")
    schema = int.from_bytes(value[1:_FRAME], "big")
    raise NotAnObject(
        f"framed by a schema registry (schema {schema}) and not JSON, so Avro or Protobuf; convert the topic to JSON "
        "or JSON Schema, for example with a converter of Kafka Connect"
    )


def _read(value: bytes) -> Any:
    try:
        return from_json(value, allow_inf_nan=True)
    except ValueError as error:
        found = _with_halves(value)
        if found is not None:
            return found
        raise NotAnObject(_explained(value, error)) from None


def _with_halves(value: bytes) -> Any:
    """Return JSON with lone surrogates, which pydantic refuses and clients write that truncate an emoji; else None.

    A text with a lone surrogate is valid; an id with one is not.
    """
    if not _HALF.search(value):
        return None
    try:
        return json.loads(value.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _explained(value: bytes, error: ValueError) -> str:
    for signature, name in SIGNATURES:
        if value.startswith(signature):
            return f"not JSON in UTF-8 but {name}"
    if value[:1] in (b"{", b"[", b'"'):
        return f"not JSON in UTF-8: {error}"
    start = value[:24].decode("utf-8", "backslashreplace")
    return f"not JSON in UTF-8: a record must begin with '{{', this one begins with {start!r}"


def _described(found: Any) -> str:
    if isinstance(found, list):
        return f"a list of {len(found)}; send one record per object"
    return {str: "text", bool: "true or false"}.get(type(found), "a number")
