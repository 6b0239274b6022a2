"""From events to feature vectors, as of event time: a vector reads nothing later than its post."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from moderation.events import Deletion, Event, Follow, Post
from moderation.features.account import account_features
from moderation.features.catalogue import COLUMN, FEATURES
from moderation.features.graph import graph_features
from moderation.features.network import network_features, observe_network
from moderation.features.typing import typing_features
from moderation.features.window import DAY_MS, HOUR_MS, Reading
from moderation.state import PlatformState

Seen = Literal["new", "same", "revision"]


@dataclass(frozen=True)
class FeatureVector:
    """Metadata features of one post, shape (len(FEATURES),), NaN where unknown, with what they were read from."""

    values: NDArray[np.float64]
    graph_epoch: int | None
    address_hash: str | None
    device_hash: str | None
    key_id: str | None
    degraded: tuple[str, ...]


class FeatureExtractor:
    """Takes events in their order and turns judgeable posts into vectors. Taking an event twice changes nothing."""

    def __init__(self, state: PlatformState) -> None:
        self._state = state

    def seen_before(self, post: Post) -> Seen:
        """Whether this post came before within 24 hours: with the same text, or with another."""
        at_ms = _time(post)
        hashes = Reading(self._state, at_ms, late=self._state.is_late(at_ms)).members(f"post:{post.post_id}", DAY_MS)
        if post.content_hash in hashes:
            return "same"
        return "revision" if hashes else "new"

    def observe(self, event: Event) -> None:
        """Take an event into the state and nothing else. Labels never become features of what they label."""
        at_ms = event.at_ms
        if at_ms is None:
            return
        self._state.advance(at_ms)
        if isinstance(event, Follow):
            self._state.follows.apply(
                event.account_id, event.target_account_id, at_ms, follows=event.action == "follow"
            )
        elif isinstance(event, Deletion):
            self._state.windows.add(f"deleted:{event.account_id}", event.post_id, at_ms)
        elif isinstance(event, Post) and event.account_id is not None:
            self._observe_post(event, event.account_id, at_ms)

    def extract(self, post: Post) -> FeatureVector:
        """Take a judgeable post into the state, then read its vector. Raises ValueError for one that is not."""
        at_ms = _time(post)
        late = self._state.is_late(at_ms)
        self.observe(post)
        reading = Reading(self._state, at_ms, late=late)
        graph, epoch = graph_features(self._state, post, at_ms, late=late)
        found = {
            **typing_features(post),
            **network_features(reading, post),
            **graph,
            **account_features(reading, post),
        }
        values = np.full(len(FEATURES), math.nan)
        for name, value in found.items():
            values[COLUMN[name]] = value
        keyring = self._state.keyring
        client = post.client
        address = keyring.hash_address(client.ip) if client is not None and client.ip is not None else None
        device = keyring.hash_device(client.device_id) if client is not None and client.device_id is not None else None
        known = keyring.key_id if address is not None or device is not None else None
        return FeatureVector(values, epoch, address, device, known, self._degraded(at_ms))

    def _observe_post(self, post: Post, account_id: str, at_ms: int) -> None:
        windows = self._state.windows
        windows.add(f"post:{post.post_id}", post.content_hash, at_ms)
        windows.add(f"posts:{account_id}", f"{at_ms}:{post.post_id}", at_ms)
        observe_network(self._state, post, account_id, at_ms)

    def _degraded(self, at_ms: int) -> tuple[str, ...]:
        state = self._state
        if state.degraded_since_ms is None:
            return ()
        short = () if state.window_is_known(at_ms, HOUR_MS) else ("windows_1h",)
        long = () if state.window_is_known(at_ms, DAY_MS) else ("windows_24h",)
        return (*short, *long, "graph")


def _time(post: Post) -> int:
    at_ms = post.at_ms
    if at_ms is None or post.account_id is None:
        raise ValueError("a post without account and time has no metadata features")
    return at_ms
