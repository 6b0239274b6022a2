"""A simulated platform written down as the JSON-lines file that the sidecar then reads."""

from __future__ import annotations

import json
from pathlib import Path

from moderation.events import Deletion, Event, Follow, Label, Post
from moderation.simulation import Platform

KIND: dict[type[Event], str] = {Post: "post", Follow: "follow", Deletion: "deletion", Label: "label"}


def write_stream(platform: Platform, path: Path) -> dict[str, int]:
    """Write every event of the platform in event-time order, one JSON object a line; how many of each kind."""
    counts = dict.fromkeys(KIND.values(), 0)
    with path.open("w", encoding="utf-8") as file:
        for event in platform.events():
            kind = KIND[type(event)]
            counts[kind] += 1
            file.write(json.dumps(as_record(event), ensure_ascii=False) + "\n")
    return counts


def as_record(event: Event) -> dict[str, object]:
    """The event as the record that a platform would send, without the fields that it does not know."""
    fields = event.model_dump(mode="json", exclude_none=True, exclude={"invalid"})
    return {"type": KIND[type(event)], **fields}
