"""The four kinds of event, validated at the edge: a broken record is refused, a bad optional value goes missing."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError, from_json

from moderation.mapping import KINDS, TYPE, VERSION, FieldMapping, Kind

SCHEMA_VERSION = 1
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
MAX_AHEAD_MS = 5 * 60 * 1000
MAX_INTERVALS = 4096
MAX_ID_LENGTH = 512

INVALID_KEY = "invalid"
PARTS = ("client", "typing", "account")
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


class BadRecord(Exception):
    """A record that no retry can mend; becomes a dead letter. `stage` says where it failed."""

    def __init__(self, stage: Literal["record", "decode", "time"], reason: str) -> None:
        super().__init__(reason)
        self.stage: Literal["record", "decode", "time"] = stage
        self.reason = reason


def _missing_if_invalid(value: Any, handler: Callable[[Any], Any], info: ValidationInfo) -> Any:
    if value is None:
        return None
    try:
        return handler(value)
    except ValidationError:
        noted = (info.context or {}).get(INVALID_KEY)
        if noted is not None:
            part = (info.config or {}).get("title")
            noted.append(f"{part}.{info.field_name}" if part in PARTS else str(info.field_name))
        return None


def _rfc3339_only(value: Any) -> Any:
    """Numbers and dates without a time are times to pydantic; the contract is RFC 3339 with an offset."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or len(value) < 20 or value[10] not in "Tt ":
        raise PydanticCustomError("rfc3339", "not an RFC 3339 time with an offset")
    return value


def _address(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("ip_address", "not an IP address")
    try:
        return str(ipaddress.ip_address(value.strip()))
    except ValueError:
        raise PydanticCustomError("ip_address", "not an IP address") from None


LENIENT = WrapValidator(_missing_if_invalid)
Id = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_LENGTH)]
Time = Annotated[AwareDatetime, BeforeValidator(_rfc3339_only)]
OptionalId = Annotated[Id | None, LENIENT]
OptionalTime = Annotated[Time | None, LENIENT]
OptionalText = Annotated[Annotated[str, StringConstraints(max_length=4096)] | None, LENIENT]
OptionalTexts = Annotated[tuple[str, ...] | None, LENIENT]
Count = Annotated[Annotated[int, Field(ge=0, le=10**12)] | None, LENIENT]
Flag = Annotated[bool | None, LENIENT]
Duration = Annotated[Annotated[float, Field(ge=0, le=10**10, allow_inf_nan=False)] | None, LENIENT]
Address = Annotated[Annotated[str, BeforeValidator(_address)] | None, LENIENT]
NetworkKind = Literal["residential", "mobile", "hosting", "vpn", "campus", "unknown"]
InputMethod = Literal["keyboard", "mobile", "ime", "dictation", "assistive", "api"]
IntervalClass = Literal["letter", "space", "punctuation", "delete", "other"]
Interval = Annotated[float, Field(ge=0, le=10**8, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


class Client(_Part):
    """Where a post came from, as far as the platform tells."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True, title="client")
    ip: Address = None
    device_id: OptionalId = None
    user_agent: OptionalText = None
    utc_offset_min: Annotated[Annotated[int, Field(ge=-900, le=900)] | None, LENIENT] = None
    network_kind: Annotated[NetworkKind | None, LENIENT] = None


class Typing(_Part):
    """How a post was entered: aggregates and, optionally, intervals between key presses. Never which keys."""

    model_config = ConfigDict(frozen=True, extra="ignore", title="typing")
    duration_ms: Duration = None
    keystrokes: Count = None
    deletions: Count = None
    pastes: Count = None
    pasted_chars: Count = None
    focus_losses: Count = None
    intervals_ms: Annotated[tuple[Interval, ...] | None, LENIENT] = None
    interval_classes: Annotated[tuple[IntervalClass, ...] | None, LENIENT] = None
    input_method: Annotated[InputMethod | None, LENIENT] = None

    @model_validator(mode="before")
    @classmethod
    def _cap_intervals(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        long = {
            name: data[name][:MAX_INTERVALS]
            for name in ("intervals_ms", "interval_classes")
            if isinstance(data.get(name), (list, tuple)) and len(data[name]) > MAX_INTERVALS
        }
        return {**data, **long} if long else data


class Account(_Part):
    """The author's public figures at the time of the post."""

    model_config = ConfigDict(frozen=True, extra="ignore", title="account")
    created_at: OptionalTime = None
    followers: Count = None
    following: Count = None
    posts: Count = None
    deleted_posts: Count = None
    listed: Count = None
    has_bio: Flag = None
    has_avatar: Flag = None


class _Event(_Part):
    schema_version: int = SCHEMA_VERSION
    invalid: tuple[str, ...] = ()
    """Names of the optional values that were invalid and are therefore missing."""

    @property
    def at_ms(self) -> int | None:
        """Event time in milliseconds since the epoch; None for a post without `created_at`."""
        raise AssertionError("each kind of event has its own time")


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


class Post(_Event):
    """One post. Only `post_id` and `text` are required; without account or time it is scored, never flagged."""

    post_id: Id
    text: Annotated[str, Strict()]
    account_id: Id | None = None
    created_at: OptionalTime = None
    lang: Annotated[Annotated[str, StringConstraints(max_length=35)] | None, LENIENT] = None
    reply_to_account: OptionalId = None
    mentions: OptionalTexts = None
    urls: OptionalTexts = None
    surface: OptionalText = None
    client: Annotated[Client | None, LENIENT] = None
    typing: Annotated[Typing | None, LENIENT] = None
    account: Annotated[Account | None, LENIENT] = None

    @property
    def at_ms(self) -> int | None:
        """Event time in milliseconds since the epoch, None without `created_at`."""
        return None if self.created_at is None else _ms(self.created_at)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the text's UTF-8 bytes, in hex."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def judgeable(self) -> bool:
        """Whether metadata can be joined: an account and a time are known."""
        return self.account_id is not None and self.created_at is not None


class Follow(_Event):
    """One account begins or ceases to follow another."""

    account_id: Id
    target_account_id: Id
    at: Time
    action: Literal["follow", "unfollow"] = "follow"

    @property
    def at_ms(self) -> int:
        """Event time in milliseconds since the epoch."""
        return _ms(self.at)


class Deletion(_Event):
    """A post is gone; its flag is marked and the retention clock starts."""

    post_id: Id
    account_id: Id
    at: Time

    @property
    def at_ms(self) -> int:
        """Event time in milliseconds since the epoch."""
        return _ms(self.at)


class Label(_Event):
    """A person's verdict on a post or an account; audits and trains, never a feature of its subject."""

    post_id: Id | None = None
    account_id: Id | None = None
    verdict: Literal["confirmed", "not_a_violation", "uncertain"]
    at: Time
    source: Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_LENGTH)]

    @model_validator(mode="after")
    def _has_subject(self) -> Label:
        if self.post_id is None and self.account_id is None:
            raise PydanticCustomError("label_subject", "a label needs post_id or account_id")
        return self

    @property
    def at_ms(self) -> int:
        """Event time in milliseconds since the epoch."""
        return _ms(self.at)


Event = Post | Follow | Deletion | Label
_MODELS: dict[Kind, type[_Event]] = {"post": Post, "follow": Follow, "deletion": Deletion, "label": Label}
_PARTS: dict[str, type[_Part]] = {"client": Client, "typing": Typing, "account": Account}
_ADAPTERS: dict[Kind, TypeAdapter[Any]] = {kind: TypeAdapter(model) for kind, model in _MODELS.items()}


def _describe(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])


def mappable_fields(kind: Kind) -> frozenset[str]:
    """Names that a mapping of this kind may give a path to; `client.ip` for the fields of a part."""
    names = {*_MODELS[kind].model_fields, TYPE} - {INVALID_KEY}
    if kind == "post":
        names |= {f"{part}.{field}" for part, model in _PARTS.items() for field in model.model_fields}
    return frozenset(names)


def _kind_of(raw: dict[str, Any], mapping: FieldMapping | None) -> Kind:
    mapped = mapping.kind_of(raw) if mapping is not None else None
    if mapped is not None:
        return mapped
    named = raw.get(TYPE)
    if named is None and (mapping is None or not mapping.tells("post")):
        return "post"
    for kind in KINDS:
        if named == kind:
            return kind
    if mapping is not None and "post" in mapping.paths and not mapping.tells("post"):
        return "post"
    raise BadRecord("decode", f"type: {named!r:.60} is none of {', '.join(KINDS)}")


def decode(
    value: bytes | str,
    *,
    arrival_ms: int,
    kind: Kind | None = None,
    mapping: FieldMapping | None = None,
) -> Event:
    """Read one record as an event.

    `arrival_ms` is when the record reached the platform's log (milliseconds since the epoch): an event may lie at
    most five minutes after it. `kind` is what the topic holds; None where kinds share a stream and the mapping's paths
    for `type`, or else the record's own `type`, tell them apart. Raises BadRecord when the structure, an identity or
    the time cannot be used; invalid optional values become missing and are named in `invalid`.
    """
    try:
        raw = from_json(value, allow_inf_nan=True)
    except ValueError as error:
        raw = _with_halves(value)
        if raw is None:
            raise BadRecord("decode", f"not JSON in UTF-8: {error}") from None
    if not isinstance(raw, dict):
        raise BadRecord("decode", "not a JSON object")
    invalid: list[str] = []
    actual = kind or _kind_of(raw, mapping)
    if mapping is not None:
        raw = mapping.apply(raw, actual, invalid)
    raw = {name: item for name, item in raw.items() if item is not None and name not in (INVALID_KEY, TYPE)}
    version = raw.get(VERSION, SCHEMA_VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or version != SCHEMA_VERSION:
        raise BadRecord("decode", f"schema_version: {version!r:.40} is unknown; this version reads {SCHEMA_VERSION}")
    try:
        event: Event = _ADAPTERS[actual].validate_python(raw, context={INVALID_KEY: invalid})
    except ValidationError as error:
        raise BadRecord("decode", _describe(error)) from None
    _check_time(event, arrival_ms)
    return event.model_copy(update={"invalid": tuple(invalid)}) if invalid else event


def _with_halves(value: bytes | str) -> object:
    """Read JSON in which a text was cut within an emoji, which pydantic refuses and many clients write; else None.

    A text with half a character is judged as any other; an identity with one is refused.
    """
    if not _HALF.search(value.encode("utf-8", "replace") if isinstance(value, str) else value):
        return None
    try:
        return json.loads(value if isinstance(value, str) else value.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _check_time(event: Event, arrival_ms: int) -> None:
    at = event.at_ms
    if at is None:
        return
    if at < EARLIEST.timestamp() * 1000:
        raise BadRecord("time", "the event's time lies before 2000-01-01")
    if at > arrival_ms + MAX_AHEAD_MS:
        raise BadRecord("time", "the event's time lies more than 5 minutes after its arrival")


@dataclass(frozen=True)
class EventKey:
    """Total order among events: by time, then kind, then identity, so that ties fall the same way everywhere."""

    at_ms: int
    rank: int
    identity: str

    @staticmethod
    def of(event: Event) -> EventKey:
        """The key of an event that has a time."""
        at = event.at_ms
        if at is None:
            raise ValueError("a post without a time has no place in the order")
        if isinstance(event, Follow):
            return EventKey(at, 0, f"{event.account_id}\x00{event.target_account_id}\x00{event.action}")
        if isinstance(event, Deletion):
            return EventKey(at, 1, event.post_id)
        if isinstance(event, Label):
            return EventKey(at, 2, f"{event.post_id}\x00{event.account_id}\x00{event.source}\x00{event.verdict}")
        return EventKey(at, 3, f"{event.post_id}\x00{event.content_hash}")

    def as_tuple(self) -> tuple[int, int, str]:
        """For sorting and comparing."""
        return (self.at_ms, self.rank, self.identity)
