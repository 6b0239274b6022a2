"""Every shape under docs/events is decoded with its mapping and compared field by field."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from moderation.effects import Origin, Partition
from moderation.events import BadRecord, Event, Ignored
from moderation.events.reading import RecordReader
from moderation.settings import Settings

ROOM = Path(__file__).parents[3] / "docs" / "events"
SHAPES = sorted(path.stem for path in ROOM.glob("*.toml"))
NOW_MS = 1_780_000_000_000
LANE = Partition("c", "events", "t", 0)


def read_all(shape: str) -> list[Any]:
    """What each record becomes, in the form of the expected file."""
    expected = [json.loads(line) for line in lines(shape, "expected.jsonl")]
    settings = Settings(**tomllib.loads((ROOM / f"{shape}.toml").read_text(encoding="utf-8")))
    reader = RecordReader(settings.field_mapping(), lambda: NOW_MS)
    found = []
    for line, wanted in zip(lines(shape, "jsonl"), expected, strict=True):
        record = wanted.get("record", {})
        found.append({**({"record": record} if record else {}), **shown(reader.read(origin(line, record)))})
    return found


def lines(shape: str, ending: str) -> list[str]:
    return (ROOM / f"{shape}.{ending}").read_text(encoding="utf-8").splitlines()


def origin(line: str, record: dict[str, Any]) -> Origin:
    value = line.encode()
    if "schema_id" in record:
        value = b"\x00" + int(record["schema_id"]).to_bytes(4, "big") + value
    headers = tuple((name, text.encode()) for name, text in record.get("headers", {}).items())
    return Origin(LANE, 0, record.get("timestamp_ms"), json.dumps(record.get("key")).encode(), value, headers)


def shown(content: Event | BadRecord | Ignored) -> dict[str, Any]:
    if isinstance(content, Ignored):
        return {"ignored": True}
    if isinstance(content, BadRecord):
        return {"refused": content.reason}
    event = content.model_dump(mode="json", exclude_none=True, exclude_defaults=True, exclude={"invalid"})
    missing = {"invalid": list(content.invalid)} if content.invalid else {}
    return {type(content).__name__.lower(): event, **missing}


@pytest.mark.parametrize("shape", SHAPES)
def test_event_shape_is_decoded_field_by_field(shape: str) -> None:
    assert read_all(shape) == [json.loads(line) for line in lines(shape, "expected.jsonl")]


def test_event_shapes_are_all_in_the_table_of_the_page() -> None:
    page = (ROOM.parent / "events.md").read_text(encoding="utf-8")
    assert not [shape for shape in SHAPES if f"events/{shape}.toml" not in page]
