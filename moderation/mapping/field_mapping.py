"""Maps the records of a platform to event fields, with one JMESPath expression per field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, field_validator

from moderation.mapping.expressions import RECORD, EvaluationError, Expression, compile_expression
from moderation.text.formats import TextFormat, readable
from moderation.values.addresses import IPNetwork
from moderation.values.times import DURATION_UNITS, TIME_UNITS, DurationUnit, TimeUnit, read_duration, read_time

Kind = Literal["post", "follow", "deletion", "label"]
KINDS: tuple[Kind, ...] = ("post", "follow", "deletion", "label")
PRECEDENCE: tuple[Kind, ...] = ("deletion", "follow", "label", "post")
"""Order of kinds for a record that matches several conditions, because a deleted post often looks like a post."""
TYPE, VERSION, WHEN = "type", "schema_version", "when"
TEXT = "text"
TIMES = frozenset({"created_at", "at", "account.created_at"})
FLAGS = frozenset({"account.has_bio", "account.has_avatar"})
DURATIONS = frozenset({"typing.duration_ms", "typing.intervals_ms"})
_BOOLEANS = frozenset({"true", "false", "yes", "no", "0", "1"})


class FieldPath(BaseModel):
    """The path of a field in the record of a platform, and its format.

    `path` is a JMESPath expression; `unit` the unit of a time or a duration (default: `auto`, `ms`); `values` maps
    values of the platform to those of events; `text_format` (plain, html or markdown) is the format of the text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    path: str
    unit: TimeUnit | DurationUnit | None = None
    values: dict[str, Any] | None = None
    text_format: TextFormat = "plain"

    @field_validator("unit", mode="before")
    @classmethod
    def _known_unit(cls, unit: Any) -> Any:
        if unit is not None and unit not in (*TIME_UNITS, *DURATION_UNITS):
            raise ValueError(
                f"{unit!r} is no unit; times take {', '.join(TIME_UNITS)}; durations {', '.join(DURATION_UNITS)}"
            )
        return unit

    @field_validator("path")
    @classmethod
    def _compiles(cls, path: str) -> str:
        compile_expression(path)
        return path

    def check_options(self, name: str) -> None:
        """Raise ValueError where the unit or the text format does not apply to the field *name*."""
        if self.text_format != "plain" and name != TEXT:
            raise ValueError(f"{name!r} takes no text_format {self.text_format!r}, which is for {TEXT!r}")
        if self.unit is None:
            return
        duration = self.unit in DURATION_UNITS
        if name not in (DURATIONS if duration else TIMES):
            allowed = "durations: " + ", ".join(sorted(DURATIONS)) if duration else "times: " + ", ".join(sorted(TIMES))
            instead = "; times take " + ", ".join(TIME_UNITS) if name in TIMES else ""
            raise ValueError(f"{name!r} takes no unit {self.unit!r}, which is for {allowed}{instead}")


@dataclass(frozen=True)
class RecordInfo:
    """The metadata of a record: `_record.key`, `_record.headers` and `_record.timestamp_ms` in expressions."""

    key: Any = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    timestamp_ms: int | None = None
    """Time of the record; None where unknown or implausible."""

    def as_source(self, *, tombstone: bool) -> dict[str, Any]:
        """Return the metadata as the object `_record`."""
        return {
            "key": self.key,
            "headers": self.headers,
            "timestamp_ms": self.timestamp_ms,
            "tombstone": tombstone,
        }


@dataclass(frozen=True)
class Mapped:
    """The mapped fields of one record by name; *problems* has the reason of each field without a value."""

    values: dict[str, Any]
    problems: dict[str, str]

    def nested(self) -> dict[str, Any]:
        """Return the fields as a nested record, with `client.ip` inside `client`."""
        shaped: dict[str, Any] = {}
        for name, value in self.values.items():
            if value is None:
                continue
            part, dot, last = name.partition(".")
            if dot:
                shaped.setdefault(part, {})[last] = value
            else:
                shaped[name] = value
        return shaped


@dataclass(frozen=True)
class _Source:
    name: str
    expression: Expression
    unit: TimeUnit | DurationUnit | None
    values: dict[str, Any] | None
    text_format: TextFormat


class FieldMapping:
    """The mapping of a platform: which records to ignore, the kind of each, and the paths of its fields.

    A kind with a mapping has only the mapped fields; a kind without one is read by the field names of events.
    """

    def __init__(
        self,
        paths: Mapping[Kind, Mapping[str, FieldPath]],
        *,
        ignore: Sequence[str] = (),
        time_zone: tzinfo | None = None,
        trusted_proxies: Sequence[IPNetwork] = (),
        network_kind: Callable[[str], str | None] | None = None,
    ) -> None:
        """*time_zone* applies to times without an offset; None: such times are invalid.

        *network_kind* returns the kind of network of an address, for clients without one.
        """
        self.trusted_proxies = tuple(trusted_proxies)
        self.network_kind = network_kind
        self._zone = time_zone
        self._ignore = [compile_expression(text) for text in ignore]
        self._conditions: dict[Kind, Expression] = {}
        self._sources: dict[Kind, list[_Source]] = {}
        for kind, fields in paths.items():
            if WHEN in fields:
                self._conditions[kind] = compile_expression(fields[WHEN].path)
            named = [_source(name, path) for name, path in fields.items() if name != WHEN]
            if named:
                self._sources[kind] = named
        expressions = [*self._ignore, *self._conditions.values()]
        expressions += [source.expression for sources in self._sources.values() for source in sources]
        self.uses_record = any(expression.uses_record for expression in expressions)

    def with_record(self, record: dict[str, Any] | None, info: RecordInfo) -> dict[str, Any]:
        """Return the record with its metadata, the input of expressions; *record* is None for a tombstone."""
        if not self.uses_record:
            return {} if record is None else record
        return {**(record or {}), RECORD: info.as_source(tombstone=record is None)}

    def ignores(self, record: dict[str, Any]) -> bool:
        """Return whether a rule of `ignore` matches the record."""
        return any(rule.holds(record) for rule in self._ignore)

    def kind_of(self, record: dict[str, Any], only: Kind | None) -> Kind | None:
        """Return the kind whose condition matches the record, among all or *only* one; None where none matches."""
        for kind in PRECEDENCE if only is None else (only,):
            condition = self._conditions.get(kind)
            if condition is not None and condition.holds(record):
                return kind
        return None

    def has_condition(self, kind: Kind) -> bool:
        """Return whether the kind has a condition (`when`)."""
        return kind in self._conditions

    def maps(self, kind: Kind) -> bool:
        """Return whether fields of this kind are mapped."""
        return kind in self._sources

    def paths(self, kind: Kind) -> dict[str, str]:
        """Return the expression of each mapped field of a kind, as written."""
        return {source.name: source.expression.text for source in self._sources.get(kind, ())}

    def apply(self, record: dict[str, Any], kind: Kind) -> Mapped:
        """Return the mapped fields of a record of this kind."""
        values: dict[str, Any] = {}
        problems: dict[str, str] = {}
        for source in self._sources[kind]:
            try:
                values[source.name] = self._read(source, record)
            except ValueError as error:
                values[source.name] = None
                problems[source.name] = str(error)
        return Mapped(values, problems)

    def _read(self, source: _Source, record: dict[str, Any]) -> Any:
        try:
            value = source.expression.read(record)
        except EvaluationError as error:
            raise ValueError(f"{source.expression.text!r} cannot be evaluated: {error}") from None
        if value is None:
            return None
        if source.values is not None:
            value = _translated(value, source.values)
        if source.text_format != "plain" and isinstance(value, str):
            return readable(value, source.text_format)
        if source.name in TIMES:
            return read_time(value, cast(TimeUnit, source.unit or "auto"), self._zone)
        if source.name in DURATIONS:
            return read_duration(value, cast(DurationUnit, source.unit or "ms"))
        if source.name in FLAGS and isinstance(value, str) and value.lower() not in _BOOLEANS:
            return bool(value.strip())  # a biography or the URL of a picture means that there is one
        return value


def _source(name: str, path: FieldPath) -> _Source:
    return _Source(name, compile_expression(path.path), path.unit, path.values, path.text_format)


def _translated(value: Any, values: dict[str, Any]) -> Any:
    """Return the value for that of the platform; a value outside the table is returned as it is, for validation."""
    word = ("true" if value else "false") if isinstance(value, bool) else value
    return values.get(str(word), value) if isinstance(word, (str, int)) else value
