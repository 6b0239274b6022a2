"""States on each backend, and batches of events on them as the loop applies them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from connectors.state_disk import DiskState
from connectors.state_redis import RedisState
from moderation.effects import Partition
from moderation.events import Event, Post
from moderation.features import FeatureExtractor, FeatureVector
from moderation.state import Keyring, PlatformState, Storage
from moderation.state.backend import StateBackend

Kind = Literal["memory", "disk", "redis"]
KEYRING = Keyring.from_secrets(("k1", b"a" * 32), None)
LANE = Partition("c", "posts", "t", 0)


@dataclass
class Place:
    """Where the state of a test is kept, and how to open it."""

    kind: Kind
    directory: Path
    redis_url: str
    most_keys: int = 1000
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    states: list[PlatformState] = field(default_factory=list)

    def backend(self) -> StateBackend:
        """Return a backend that is not opened yet."""
        return DiskState(self.directory) if self.kind == "disk" else RedisState(self.redis_url, self.name)

    def opened(self, keyring: Keyring = KEYRING, *, scored_with: str = "", fresh: bool = True) -> PlatformState:
        """Return a new state, or the one that was kept here."""
        state = PlatformState(platform_id="p", keyring=keyring, graph_epoch_s=600, scored_with=scored_with)
        if self.kind != "memory":
            state.keep_in(Storage(self.backend(), self.most_keys))
        self.states.append(state)
        if not fresh:
            state.restore(self.directory / "journal")
            if state.stored is not None:
                state.stored.positions()
                state.resume_stored()
        state.keep_journal(self.directory / "journal")
        return state

    def reopened(self, state: PlatformState, *, scored_with: str = "") -> PlatformState:
        """Save a state, and return the one that a restart finds."""
        state.save({LANE: 1})
        assert state.finish_saving()
        state.close()
        return self.opened(scored_with=scored_with, fresh=False)

    def close(self) -> None:
        """Close all states."""
        while self.states:
            self.states.pop().close()


def applied(state: PlatformState, events: Sequence[Event], batch: int = 3) -> list[FeatureVector]:
    """Apply events in batches and return the vectors of the posts."""
    extractor, found = FeatureExtractor(state), []
    for begin in range(0, len(events), batch):
        some = events[begin : begin + batch]
        extractor.prepare(some, watched=True)
        for event in some:
            if isinstance(event, Post):
                found.append(extractor.extract(event))
            else:
                extractor.observe(event)
        if state.stored is not None:
            state.stored.write({LANE: begin + batch}, state.coverage)
    return found
