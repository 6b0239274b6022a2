"""Summarises a sample of records: share and example of each field, and signals by family."""

from __future__ import annotations

import ipaddress
import math
import secrets
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from pydantic import BaseModel

from moderation.effects import Origin
from moderation.events import BadRecord, Event, EventKey, Ignored, Post, mappable_fields
from moderation.events.reading import RecordReader
from moderation.events.resolution import Resolution
from moderation.features import FeatureExtractor
from moderation.features.catalogue import FEATURES
from moderation.mapping import KINDS, VERSION, WHEN, FieldMapping, Kind
from moderation.state import Keyring, PlatformState
from moderation.text.terminal import shortened

EXAMPLE_WIDTH = 48
SHARED_ADDRESS = 0.5
"""Share of posts with one address from which the address is assumed to be that of a proxy."""
_SECRET = ("client.ip", "client.device_id", "client.forwarded_for")
_NEEDS = {
    "content": "a text",
    "typing": "typing.duration_ms, typing.keystrokes or typing.intervals_ms",
    "network": "client.ip or client.device_id",
    "graph": "follow events, in their own topic or in this stream",
    "account": "account_id and created_at; account.* adds age, followers and posts",
    "coordination": "account_id and created_at; urls and mentions, or links and hashtags in the text, add targets",
}


@dataclass(frozen=True)
class FieldFigure:
    """One field in the sample: its path, the number of valid values, and one value for display."""

    name: str
    source: str
    found: int
    invalid: int
    example: str


@dataclass(frozen=True)
class FamilyFigure:
    """One family of signals: the number of posts with at least one value, and the fields that it needs."""

    name: str
    posts: int
    needs: str


class Survey:
    """Decodes a sample of records as the sidecar does and counts their fields."""

    def __init__(self, mapping: FieldMapping) -> None:
        self._mapping = mapping
        self._resolution = Resolution(mapping, first_records=sys.maxsize, needed=())
        self._reader = RecordReader(mapping, resolution=self._resolution)
        self._found: dict[Kind, Counter[str]] = {kind: Counter() for kind in KINDS}
        self._invalid: dict[Kind, Counter[str]] = {kind: Counter() for kind in KINDS}
        self._examples: dict[Kind, dict[str, Any]] = {kind: {} for kind in KINDS}
        self._events: list[Event] = []
        self.kinds: Counter[Kind] = Counter()
        self.refused: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        """Reasons of missing optional values, such as `client.ip:private`."""
        self.ignored = 0

    def read(self, origins: Iterable[Origin], kind: Kind | None = None) -> None:
        """Decode and count records."""
        for origin in origins:
            content = self._reader.read(origin, kind)
            if isinstance(content, Ignored):
                self.ignored += 1
            elif isinstance(content, BadRecord):
                self.refused[content.reason] += 1
            else:
                self._note(content)

    def _note(self, event: Event) -> None:
        kind: Kind = next(known for known in KINDS if known == type(event).__name__.lower())
        self.kinds[kind] += 1
        self._events.append(event)
        self.reasons.update(event.invalid)
        self._invalid[kind].update({name.partition(":")[0] for name in event.invalid})
        for name, value in _flat(event):
            self._found[kind][name] += 1
            self._examples[kind].setdefault(name, value)

    def why(self, name: str) -> str | None:
        """Return why a time or duration without a valid value is invalid, in the first such record; else None."""
        return next((self._resolution.reasons[key] for key in self._resolution.reasons if key[1] == name), None)

    def fields(self, kind: Kind) -> list[FieldFigure]:
        """Return the figures of every field of a kind, those with values first."""
        mapped = self._resolution.kinds.get(kind)
        paths = self._mapping.paths(kind)
        found, invalid = self._found[kind], self._invalid[kind]
        if mapped is not None:
            invalid = mapped.invalid
        figures = []
        for name in sorted(mappable_fields(kind) - {WHEN, VERSION}):
            if mapped is not None and name not in paths:
                continue
            share = mapped.found[name] if mapped is not None else found[name]
            example = mapped.examples.get(name) if mapped is not None else self._examples[kind].get(name)
            figures.append(FieldFigure(name, paths.get(name, name), share, invalid[name], shown(name, example)))
        return sorted(figures, key=lambda figure: (figure.found == 0, figure.name))

    def read_of(self, kind: Kind) -> int:
        """Return the number of records of a kind; for a mapped kind including invalid ones."""
        mapped = self._resolution.kinds.get(kind)
        return self.kinds[kind] if mapped is None else mapped.records

    def families(self) -> list[FamilyFigure]:
        """Return the number of posts with a value for each family of signals, computed on the sample."""
        posts = Counter(dict.fromkeys(_NEEDS, 0))
        for event, values in self._vectors():
            posts["content"] += any(sign.isalpha() for sign in event.text)
            if values is not None:
                posts.update({feature.family for feature, known in zip(FEATURES, values, strict=True) if known})
        return [FamilyFigure(name, posts[name], needs) for name, needs in _NEEDS.items()]

    def _vectors(self) -> Iterator[tuple[Post, list[bool] | None]]:
        keyring = Keyring.from_secrets(("sample", secrets.token_bytes(32)), None)
        extractor = FeatureExtractor(PlatformState(platform_id="sample", keyring=keyring))
        untimed = [event for event in self._events if event.at_ms is None]
        timed = [event for event in self._events if event.at_ms is not None]
        for event in [*untimed, *sorted(timed, key=lambda event: EventKey.of(event).as_tuple())]:
            if not isinstance(event, Post):
                extractor.observe(event)
            elif event.judgeable:
                yield event, (~np.isnan(extractor.extract(event).values)).tolist()
            else:
                yield event, None

    def shared_address(self) -> float:
        """Return the largest share of one address among the posts with an address."""
        addresses = Counter(e.client.ip for e in self._events if isinstance(e, Post) and e.client and e.client.ip)
        return max(addresses.values()) / addresses.total() if addresses.total() > 1 else 0.0


def _flat(event: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name in type(event).model_fields:
        value = getattr(event, name)
        if isinstance(value, BaseModel):
            yield from _flat(value, f"{name}.")
        elif value is not None and value != ():
            yield f"{prefix}{name}", value


def shown(name: str, value: Any) -> str:
    """Return an example for display: short, on one line, addresses and device ids masked."""
    if value is None:
        return ""
    if name in _SECRET:
        return _masked(str(value))
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    return shortened(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value), EXAMPLE_WIDTH)


def _masked(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return f"({len(text)} characters)"
    return f"{text.split('.')[0]}.…" if address.version == 4 else f"{text.split(':')[0]}:…"
