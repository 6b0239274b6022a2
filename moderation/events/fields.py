"""The fields that a mapping may contain, by kind of event."""

from __future__ import annotations

from pydantic import BaseModel

from moderation.events.model import INVALID_KEY, PARTS, Deletion, Follow, Label, Post
from moderation.mapping import WHEN, Kind

MODELS: dict[Kind, type[BaseModel]] = {
    "post": Post,
    "follow": Follow,
    "deletion": Deletion,
    "label": Label,
}
FORWARDED_FOR = "client.forwarded_for"
"""An input of `client.ip`; it is not stored."""


def mappable_fields(kind: Kind) -> frozenset[str]:
    """Return the names that a mapping of this kind may contain; fields of a part as `client.ip`."""
    names = {*MODELS[kind].model_fields, WHEN} - {INVALID_KEY}
    if kind == "post":
        names -= PARTS.keys()
        names |= {f"{part}.{field}" for part, model in PARTS.items() for field in model.model_fields}
        names.add(FORWARDED_FOR)
    return frozenset(names)
