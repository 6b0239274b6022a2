"""The section that maps records of a platform."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, IPvAnyNetwork, ValidationInfo, field_validator

from moderation.events import NetworkKind, mappable_fields
from moderation.events.model import PARTS
from moderation.mapping import KINDS, FieldMapping, FieldPath, Kind
from moderation.mapping.expressions import compile_expression
from moderation.settings.network_database import NetworkDatabase
from moderation.settings.sections import Section

Fields = dict[str, FieldPath]


class MappingSettings(Section):
    """Where our fields are in the platform's own records (docs/events.md)."""

    post: Fields = Field(default_factory=dict, description="JMESPath expression of each field of a post")
    follow: Fields = Field(default_factory=dict, description="the same for follow events")
    deletion: Fields = Field(default_factory=dict, description="the same for deletions")
    label: Fields = Field(default_factory=dict, description="the same for labels")
    ignore: tuple[str, ...] = Field((), description="expressions; a record for which one is true is skipped")
    time_zone: str | None = Field(
        None, description='time zone of times without an offset, such as "UTC"; none: they are invalid'
    )
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        (), description="networks of your own proxies, which `client.forwarded_for` and `client.ip` look behind"
    )

    network_database: Path | None = Field(
        None,
        description="MMDB file, such as GeoIP2 Connection-Type, that tells the kind of network of addresses for which "
        "`client.network_kind` is missing",
    )
    network_value: str = Field(
        "connection_type || traits.user_type || traits.connection_type || type",
        description="JMESPath expression of the kind in a record of that file",
    )
    network_kinds: dict[str, NetworkKind] = Field(
        default_factory=dict, description="kinds by values of that file that are not known, or mean another kind"
    )

    @field_validator(*KINDS, mode="before")
    @classmethod
    def _short_paths(cls, fields: Any) -> Any:
        """Read a bare string as the path of a value that needs no conversion."""
        if not isinstance(fields, dict):
            return fields
        return {name: _path_table(name, path) for name, path in fields.items()}

    @field_validator(*KINDS)
    @classmethod
    def _known_fields(cls, fields: dict[str, FieldPath], info: ValidationInfo) -> dict[str, FieldPath]:
        kind = cast(Kind, info.field_name)
        for name, path in fields.items():
            if name not in mappable_fields(kind):
                raise ValueError(f"{name!r} is no field of a {kind} (see docs/events.md for all of them)")
            path.check_options(name)
        return fields

    @field_validator("network_value")
    @classmethod
    def _value_compiles(cls, expression: str) -> str:
        compile_expression(expression)
        return expression

    @field_validator("ignore")
    @classmethod
    def _rules_compile(cls, rules: tuple[str, ...]) -> tuple[str, ...]:
        for rule in rules:
            compile_expression(rule)
        return rules

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, name: str | None) -> str | None:
        _zone(name)
        return name

    def compiled(self) -> FieldMapping:
        """Return the mapping in the form that decoding takes."""
        paths: dict[Kind, dict[str, FieldPath]] = {kind: getattr(self, kind) for kind in KINDS}
        return FieldMapping(
            {kind: fields for kind, fields in paths.items() if fields},
            ignore=self.ignore,
            time_zone=_zone(self.time_zone),
            trusted_proxies=self.trusted_proxies,
            network_kind=None if (database := self.opened_database()) is None else database.kind_of,
        )

    def opened_database(self) -> NetworkDatabase | None:
        """Return the database of networks, None where there is none. Raises SettingsError where it cannot be read."""
        if self.network_database is None:
            return None
        value = compile_expression(self.network_value)
        return NetworkDatabase(self.network_database, value, self.network_kinds)


def _path_table(name: str, path: Any) -> Any:
    if isinstance(path, str):
        return {"path": path}
    if not isinstance(path, (dict, FieldPath)):
        raise ValueError(f"{name!r} must be an expression in quotes, or a table with `path`; got {path!r}")
    if name in PARTS and isinstance(path, dict):
        inner = f'"{name}.{next(iter(path), "…")}"'
        raise ValueError(f"{name!r} is a part of a post; write its fields with the dot in quotes, as {inner} = …")
    return path


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone; write a name such as 'UTC' or 'Europe/Berlin'") from None
