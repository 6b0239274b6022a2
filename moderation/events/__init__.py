"""The four kinds of event: how a record is decoded, what is valid, and the order among events."""

from moderation.events.decoding import BadRecord, Ignored, decode
from moderation.events.fields import mappable_fields
from moderation.events.model import (
    INVALID_KEY,
    MAX_INTERVALS,
    SCHEMA_VERSION,
    Account,
    Client,
    Deletion,
    Event,
    EventKey,
    Follow,
    InputMethod,
    IntervalClass,
    Label,
    LabelVerdict,
    NetworkKind,
    Post,
    Typing,
)

__all__ = [
    "INVALID_KEY",
    "MAX_INTERVALS",
    "SCHEMA_VERSION",
    "Account",
    "BadRecord",
    "Client",
    "Deletion",
    "Event",
    "EventKey",
    "Follow",
    "Ignored",
    "InputMethod",
    "IntervalClass",
    "Label",
    "LabelVerdict",
    "NetworkKind",
    "Post",
    "Typing",
    "decode",
    "mappable_fields",
]
