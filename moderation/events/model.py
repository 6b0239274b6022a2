"""The four kinds of event: an invalid required value is an error, an invalid optional value is missing and listed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from moderation.values.addresses import parse_address
from moderation.values.bounds import milliseconds
from moderation.values.identifiers import MAX_LENGTH, identifier, is_placeholder_device

SCHEMA_VERSION = 1
MAX_INTERVALS = 4096

INVALID_KEY = "invalid"


class _Lenient:
    """Marks an optional field whose invalid value is missing instead of an error of the record."""


def _rfc3339_only(value: Any) -> Any:
    """Refuse numbers and dates without a time, which pydantic accepts; the contract is RFC 3339 with an offset."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or len(value) < 20 or value[10] not in "Tt ":
        raise PydanticCustomError("rfc3339", "not an RFC 3339 time with an offset")
    return value


def _address(value: Any) -> str:
    try:
        return str(parse_address(value))
    except ValueError:
        raise PydanticCustomError("ip_address", "not an IP address") from None


def _device(value: str) -> str:
    if is_placeholder_device(value):
        raise PydanticCustomError("device_id", "a placeholder, not a device id")
    return value


LENIENT = _Lenient()
Id = Annotated[str, BeforeValidator(identifier), StringConstraints(max_length=MAX_LENGTH)]
Time = Annotated[AwareDatetime, BeforeValidator(_rfc3339_only)]
OptionalId = Annotated[Id | None, LENIENT]
OptionalTime = Annotated[Time | None, LENIENT]
OptionalText = Annotated[Annotated[str, StringConstraints(max_length=4096)] | None, LENIENT]
OptionalIds = Annotated[tuple[Id, ...] | None, LENIENT]
OptionalTexts = Annotated[tuple[str, ...] | None, LENIENT]
Count = Annotated[Annotated[int, Field(ge=0, le=10**12)] | None, LENIENT]
Flag = Annotated[bool | None, LENIENT]
Duration = Annotated[Annotated[float, Field(ge=0, le=10**10, allow_inf_nan=False)] | None, LENIENT]
Address = Annotated[Annotated[str, BeforeValidator(_address)] | None, LENIENT]
NetworkKind = Literal["residential", "mobile", "hosting", "vpn", "campus", "unknown"]
InputMethod = Literal["keyboard", "mobile", "ime", "dictation", "assistive", "api"]
LabelVerdict = Literal["confirmed", "not_a_violation", "uncertain"]
IntervalClass = Literal["letter", "space", "punctuation", "delete", "other"]
Interval = Annotated[float, Field(ge=0, le=10**8, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


class Client(_Part):
    """The client that sent a post, as far as the platform sends it."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)
    ip: Address = None
    device_id: Annotated[Annotated[Id, AfterValidator(_device)] | None, LENIENT] = None
    user_agent: OptionalText = None
    utc_offset_min: Annotated[Annotated[int, Field(ge=-900, le=900)] | None, LENIENT] = None
    network_kind: Annotated[NetworkKind | None, LENIENT] = None


class Typing(_Part):
    """Typing telemetry of a post: aggregates and, optionally, intervals between key presses. Never includes keys."""

    model_config = ConfigDict(frozen=True, extra="ignore")
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
    """Public figures of the author at the time of the post."""

    model_config = ConfigDict(frozen=True, extra="ignore")
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
    """Names of the optional values that are missing because they were invalid."""

    @property
    def at_ms(self) -> int | None:
        """Event time in milliseconds since the epoch; None for a post without `created_at`."""
        raise AssertionError("each kind of event has its own time")


class Post(_Event):
    """One post. Only `post_id` and `text` are required; without account or time it is scored, never flagged."""

    post_id: Id
    text: Annotated[str, Strict()]
    account_id: Id | None = None
    created_at: OptionalTime = None
    lang: Annotated[Annotated[str, StringConstraints(max_length=35)] | None, LENIENT] = None
    reply_to_account: OptionalId = None
    mentions: OptionalIds = None
    urls: OptionalTexts = None
    surface: OptionalText = None
    community: OptionalId = None
    """Where the post was published: a subreddit, channel, forum or product."""
    thread_id: OptionalId = None
    client: Annotated[Client | None, LENIENT] = None
    typing: Annotated[Typing | None, LENIENT] = None
    account: Annotated[Account | None, LENIENT] = None

    @cached_property
    def at_ms(self) -> int | None:
        """Event time in milliseconds since the epoch, None without `created_at`."""
        return None if self.created_at is None else milliseconds(self.created_at)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the text's UTF-8 bytes, in hex."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def judgeable(self) -> bool:
        """Whether the post has an account and a time, which metadata features need."""
        return self.account_id is not None and self.created_at is not None

    @cached_property
    def account_age_days(self) -> float | None:
        """Age of the account at the time of the post, None where unknown; negative with wrong clocks."""
        if self.account is None or self.account.created_at is None or self.created_at is None:
            return None
        return (self.created_at - self.account.created_at).total_seconds() / 86_400


class Follow(_Event):
    """One account follows or unfollows another."""

    account_id: Id
    target_account_id: Id
    at: Time
    action: Literal["follow", "unfollow"] = "follow"

    @cached_property
    def at_ms(self) -> int:
        """Event time in milliseconds since the epoch."""
        return milliseconds(self.at)


class Deletion(_Event):
    """A post was deleted; its flag is marked and its retention begins. Some platforms send no account."""

    post_id: Id
    account_id: Id | None = None
    at: Time

    @cached_property
    def at_ms(self) -> int:
        """Event time in milliseconds since the epoch."""
        return milliseconds(self.at)


class Label(_Event):
    """The verdict of a person on a post or an account, for audit and training; never a feature of its subject."""

    post_id: Id | None = None
    account_id: Id | None = None
    verdict: LabelVerdict
    at: Time
    source: Annotated[str, StringConstraints(min_length=1, max_length=MAX_LENGTH)]

    @model_validator(mode="after")
    def _has_subject(self) -> Label:
        if self.post_id is None and self.account_id is None:
            raise PydanticCustomError("label_subject", "a label needs post_id or account_id")
        return self

    @cached_property
    def at_ms(self) -> int:
        """Event time in milliseconds since the epoch."""
        return milliseconds(self.at)


Event = Post | Follow | Deletion | Label
PARTS: dict[str, type[BaseModel]] = {"client": Client, "typing": Typing, "account": Account}


def lenient_name(model: type[BaseModel], path: Sequence[int | str]) -> str | None:
    """Return the name of the optional field at the path of a validation error; None where the record is invalid."""
    if not path or path[0] not in model.model_fields or not _is_lenient(model, str(path[0])):
        return None
    part = PARTS.get(str(path[0]))
    inner = lenient_name(part, path[1:]) if part is not None else None
    return str(path[0]) if inner is None else f"{path[0]}.{inner}"


def _is_lenient(model: type[BaseModel], name: str) -> bool:
    return any(isinstance(mark, _Lenient) for mark in model.model_fields[name].metadata)


@dataclass(frozen=True)
class EventKey:
    """Total order of events: by time, then kind, then identity, so that ties are deterministic."""

    at_ms: int
    rank: int
    identity: str

    @staticmethod
    def of(event: Event) -> EventKey:
        """Return the key of an event. Raises ValueError for a post without a time."""
        at = event.at_ms
        if at is None:
            raise ValueError("a post without a time has no place in the order")
        if isinstance(event, Follow):
            return EventKey(at, 0, f"{event.account_id}\x00{event.target_account_id}\x00{event.action}")
        if isinstance(event, Deletion):
            return EventKey(at, 1, f"{event.post_id}\x00{event.account_id}")
        if isinstance(event, Label):
            return EventKey(at, 2, f"{event.post_id}\x00{event.account_id}\x00{event.source}\x00{event.verdict}")
        return EventKey(at, 3, f"{event.post_id}\x00{event.account_id}\x00{event.content_hash}")

    def as_tuple(self) -> tuple[int, int, str]:
        """Return the key as a tuple, for sorting and comparing."""
        return (self.at_ms, self.rank, self.identity)
