"""Writes a simulated platform to files: the events as a platform sends them, the truth in a separate file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import IO, Any

from moderation.events import Deletion, Event, Follow, Label, Post
from moderation.lab.simulation.truth import Truth
from moderation.mapping import Kind


def as_line(event: Event) -> str:
    """Return one event as a JSON object in the format that `moderation.events.decode` reads."""
    content: dict[str, Any] = event.model_dump(mode="json", exclude_none=True, exclude={"invalid", "schema_version"})
    return json.dumps({"type": _kind(event), **content}, ensure_ascii=False)


def write_events(events: Iterable[Event], out: IO[str], advance: Callable[[int], None] = lambda _n: None) -> int:
    """Write one line for each event, in their order; return the number of lines."""
    count = 0
    for event in events:
        out.write(as_line(event) + "\n")
        count += 1
        if count % 1000 == 0:
            advance(1000)
    return count


def write_truth(truth: Iterable[Truth], out: IO[str]) -> None:
    """Write one line for each account: account_id, kind, strength, campaign."""
    for account in truth:
        out.write(json.dumps(account.as_row()) + "\n")


_KINDS: tuple[tuple[type, Kind], ...] = ((Post, "post"), (Follow, "follow"), (Deletion, "deletion"), (Label, "label"))


def _kind(event: Event) -> Kind:
    return next(kind for known, kind in _KINDS if isinstance(event, known))
