"""Decodes records into events: the structure must be valid, invalid optional values become missing and are listed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from moderation.events.fields import FORWARDED_FOR, MODELS
from moderation.events.model import INVALID_KEY, SCHEMA_VERSION, Event, Post, lenient_name
from moderation.events.wire import NotAnObject, read_object
from moderation.mapping import KINDS, TIMES, TYPE, VERSION, FieldMapping, Kind, Mapped, RecordInfo
from moderation.values.addresses import client_address
from moderation.values.bounds import EARLIEST_MS, MAX_AHEAD_MS, account_time

_ADAPTERS: dict[Kind, TypeAdapter[Any]] = {kind: TypeAdapter(model) for kind, model in MODELS.items()}
_ENVELOPE = ". The record is an envelope of Kafka Connect: map the fields of its payload, or disable schemas"
_UNMAPPED = FieldMapping({})
_NO_INFO = RecordInfo()

OnMapped = Callable[[Kind, Mapped, "list[str]"], None]
"""Called with the kind of a record, its mapped fields and the names of the invalid ones."""


class BadRecord(Exception):
    """A record that cannot be decoded and becomes a dead letter.

    `stage` is the failed step, `account_id` the account of the record, None where that could not be read.
    """

    account_id: str | None = None

    def __init__(self, stage: Literal["record", "decode", "time"], reason: str) -> None:
        super().__init__(reason)
        self.stage: Literal["record", "decode", "time"] = stage
        self.reason = reason


class Ignored(Exception):
    """A record that a rule of the mapping skips: it is counted and has no other effect."""


def decode(
    value: bytes | str | None,
    *,
    arrival_ms: int,
    kind: Kind | None = None,
    mapping: FieldMapping | None = None,
    info: RecordInfo = _NO_INFO,
    on_mapped: OnMapped | None = None,
) -> Event:
    """Decode one record and return its event.

    Args:
        value: the record's bytes or text; None for a tombstone.
        arrival_ms: when the record reached the platform's log, in milliseconds since the epoch. An event may lie at
            most five minutes after it.
        kind: the kind of all records of the topic; None where the conditions of *mapping*, or the `type` of the
            record, determine it.
        mapping: paths of the fields in the record; None where the record has the names of docs/events.md.
        info: the record's key, headers and timestamp, for mappings and for a deletion without a time.
        on_mapped: is called with the mapped fields before validation, and the names of the invalid ones.

    Raises:
        BadRecord: the structure, an id or the time is invalid.
        Ignored: a rule of the mapping skips the record.
    """
    mapping = mapping or _UNMAPPED
    try:
        found = None if value is None else read_object(value)
    except NotAnObject as error:
        raise BadRecord("decode", str(error)) from None
    record = mapping.with_record(found, info)
    if mapping.ignores(record):
        raise Ignored
    actual = _kind_of(record, kind, mapping, tombstone=found is None)
    if not mapping.maps(actual):
        raw = {name: item for name, item in record.items() if item is not None and name not in (INVALID_KEY, TYPE)}
        mapped = Mapped(raw, {})
    else:
        mapped = mapping.apply(record, actual)
        raw = mapped.nested()
    invalid = list(mapped.problems)
    try:
        return _validated(raw, _Context(actual, arrival_ms, info, mapping, mapped.problems), invalid)
    finally:
        if on_mapped is not None:
            on_mapped(actual, mapped, invalid)


@dataclass(frozen=True)
class _Context:
    """The context of validation, beside the record."""

    kind: Kind
    arrival_ms: int
    info: RecordInfo
    mapping: FieldMapping
    problems: dict[str, str] = field(default_factory=dict)

    def explain(self, first: ErrorDetails) -> str:
        """Return a problem as text, with the path without a value or the invalid value."""
        where = ".".join(str(part) for part in first["loc"])
        if where in self.problems:
            return f"{where}: {self.problems[where]}"
        path = self.mapping.paths(self.kind).get(where)
        if first["type"] == "missing" and path is not None:
            return f"{where}: nothing found at {path!r}"
        return f"{where}: {first['msg']}" if where else str(first["msg"])


def _kind_of(record: dict[str, Any], kind: Kind | None, mapping: FieldMapping, *, tombstone: bool) -> Kind:
    found = mapping.kind_of(record, kind)
    if found is not None:
        return found
    if tombstone:
        raise BadRecord(
            "decode",
            'the record has no value (a tombstone); to skip tombstones, set mapping.ignore = ["_record.tombstone"]',
        )
    if kind is not None:
        if mapping.has_condition(kind):
            raise BadRecord("decode", f"mapping.{kind}.when is not true for this record")
        return kind
    named = record.get(TYPE)
    for known in KINDS:
        if named == known and not mapping.has_condition(known):
            return known
    if not mapping.has_condition("post") and (named is None or mapping.maps("post")):
        return "post"
    conditions = [f"mapping.{known}.when" for known in KINDS if mapping.has_condition(known)]
    unmet = f", and {' and '.join(conditions)} are not true" if conditions else ""
    raise BadRecord("decode", f"type: {named!r:.60} is none of {', '.join(KINDS)}{unmet}")


def _validated(raw: dict[str, Any], context: _Context, invalid: list[str]) -> Event:
    version = raw.get(VERSION, SCHEMA_VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or version != SCHEMA_VERSION:
        raise BadRecord("decode", f"schema_version: {version!r:.40} is unknown; this version reads {SCHEMA_VERSION}")
    if isinstance(raw.get("client"), dict):
        raw = {**raw, "client": _with_address(raw["client"], context.mapping, invalid)}
    if context.kind == "deletion" and "at" not in raw and "at" not in context.problems:
        raw = {**raw, "at": _record_time(context.info)}
    event = _event(raw, context, invalid)
    _check_time(event, context.arrival_ms)
    if isinstance(event, Post):
        event = _without_placeholder_age(event, context.arrival_ms, invalid)
    return event.model_copy(update={INVALID_KEY: tuple(invalid)}) if invalid else event


def _event(raw: dict[str, Any], context: _Context, invalid: list[str]) -> Event:
    """Return the event; optional fields with an invalid value are left out and listed in *invalid*."""
    adapter = _ADAPTERS[context.kind]
    problems: list[ErrorDetails] = []
    try:
        event: Event = adapter.validate_python(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
    if not problems:
        return event
    # Outside the handler: the refusal must not lead to the error of pydantic, which is opaque to Python's collector,
    # so that both would stay in memory with the frames of the callers.
    names: dict[str, None] = {}
    for problem in problems:
        name = lenient_name(MODELS[context.kind], problem["loc"])
        if name is None:
            envelope = _ENVELOPE if raw.keys() == {"schema", "payload"} else ""
            raise BadRecord("decode", context.explain(problem) + envelope)
        names[name] = None
        if name in TIMES:
            context.problems.setdefault(name, str(problem["msg"]))
    invalid.extend(names)
    cleaned: Event = adapter.validate_python(_without(raw, names))
    return cleaned


def _without(raw: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the fields without those of these names; `client.ip` is a field of a part."""
    found = dict(raw)
    for name in names:
        part, _, inner = name.partition(".")
        if inner:
            found[part] = {field: value for field, value in found[part].items() if field != inner}
        else:
            del found[part]
    return found


def _record_time(info: RecordInfo) -> datetime:
    if info.timestamp_ms is None:
        raise BadRecord("decode", "at: the deletion has no time, and its source has no record timestamps")
    return datetime.fromtimestamp(info.timestamp_ms / 1000, UTC)


def _with_address(client: dict[str, Any], mapping: FieldMapping, invalid: list[str]) -> dict[str, Any]:
    """Return the client with its address if that identifies it; else add the reason to *invalid*."""
    peer, forwarded = client.get("ip"), client.get(FORWARDED_FOR.partition(".")[2])
    if peer is None and forwarded is None:
        return client
    try:
        found = client_address(peer, forwarded, mapping.trusted_proxies)
    except ValueError:
        invalid.append("client.ip" if forwarded is None else FORWARDED_FOR)
        return {**client, "ip": None}
    if found.reason is not None:
        invalid.append(f"client.ip:{found.reason}")
    kind = client.get("network_kind")
    if found.carrier_nat:
        kind = "mobile"
    elif kind is None and found.text is not None and mapping.network_kind is not None:
        kind = mapping.network_kind(found.text)
    return {**client, "ip": found.text, "network_kind": kind}


def _without_placeholder_age(post: Post, arrival_ms: int, invalid: list[str]) -> Post:
    account = post.account
    if account is None or account.created_at is None or account_time(account.created_at, arrival_ms) is not None:
        return post
    invalid.append("account.created_at")
    return post.model_copy(update={"account": account.model_copy(update={"created_at": None})})


def _check_time(event: Event, arrival_ms: int) -> None:
    at = event.at_ms
    if at is None:
        return
    if at < EARLIEST_MS:
        raise BadRecord("time", f"the time of the event, {_shown(at)}, is before 2000")
    if at > arrival_ms + MAX_AHEAD_MS:
        raise BadRecord("time", f"the time of the event, {_shown(at)}, is more than 5 minutes after it arrived")


def _shown(at_ms: int) -> str:
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).isoformat(timespec="seconds")
    except OverflowError:  # year 0 in UTC: an offset moved the first day of year 1
        return f"{at_ms} ms since 1970"
