"""A platform's own field names, mapped onto ours by a path per field, so that a topic is read as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

Kind = Literal["post", "follow", "deletion", "label"]
KINDS: tuple[Kind, ...] = ("post", "follow", "deletion", "label")
Unit = Literal["rfc3339", "epoch_s", "epoch_ms"]
TYPE, VERSION = "type", "schema_version"


class FieldPath(BaseModel):
    """Where a field stands in the platform's record: names joined by dots, an index for a list, `*` for each item.

    `unit` says how a time is written there; `equals`, for `type` alone, what stands there for this kind of event.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    path: str
    unit: Unit = "rfc3339"
    equals: str | None = None

    @field_validator("path")
    @classmethod
    def _no_empty_step(cls, path: str) -> str:
        if not path or any(not step for step in path.split(".")):
            raise ValueError("a path is one or more names joined by dots, such as 'data.author.id'")
        return path

    def read(self, record: Mapping[str, Any]) -> Any:
        """The value at this path, or None where the record has none; times come back as RFC 3339."""
        found = _walk(record, self.path.split("."))
        return found if self.unit == "rfc3339" else _as_rfc3339(found, self.unit)


def _walk(value: Any, steps: list[str]) -> Any:
    for index, step in enumerate(steps):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step == "*":
            found = [_walk(item, steps[index + 1 :]) for item in value]
            return [item for item in found if item is not None]
        elif isinstance(value, list) and step.isdecimal():
            value = value[int(step)] if int(step) < len(value) else None
        else:
            return None
    return value


def _as_rfc3339(value: Any, unit: Unit) -> Any:
    """An instant given as a number; what is no number or no instant comes back as it is, for validation to judge."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    try:
        return datetime.fromtimestamp(value / (1000 if unit == "epoch_ms" else 1), UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return value


@dataclass(frozen=True)
class FieldMapping:
    """Paths by kind of event and by our field name (`typing.duration_ms` for a nested one).

    A field without a path is read under its own name, at its own place.
    """

    paths: Mapping[Kind, Mapping[str, FieldPath]]

    def kind_of(self, record: Mapping[str, Any]) -> Kind | None:
        """The kind whose `type` path holds what it should; None where no path says so."""
        for kind, fields in self.paths.items():
            path = fields.get(TYPE)
            if path is not None and path.read(record) == (path.equals or kind):
                return kind
        return None

    def tells(self, kind: Kind) -> bool:
        """Whether a path says which records are of this kind."""
        return TYPE in self.paths.get(kind, {})

    def apply(self, record: dict[str, Any], kind: Kind, invalid: list[str]) -> dict[str, Any]:
        """The record in our own shape. `invalid` collects names of values whose place is not what the path says.

        A platform's own `schema_version` counts its own versions: it is read only by a path.
        """
        wanted = self.paths.get(kind)
        if not wanted:
            return record
        shaped = {name: _copied(item) for name, item in record.items() if name != VERSION}
        for field, path in wanted.items():
            _put(shaped, field.split("."), path.read(record), invalid)
        return shaped


def _copied(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else value


def _put(shaped: dict[str, Any], names: list[str], value: Any, invalid: list[str]) -> None:
    *parents, last = names
    place = shaped
    for parent in parents:
        inner = place.get(parent)
        if not isinstance(inner, dict):
            if inner is not None and value is not None:
                invalid.append(parent)
            inner = {}
            place[parent] = inner
        place = inner
    place[last] = value
