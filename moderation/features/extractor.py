"""Computes feature vectors from events, as of event time: a vector depends on no later event than its post."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from moderation.events import Deletion, Event, Follow, Post
from moderation.features.account import account_features, observe_account
from moderation.features.catalogue import COLUMN, FEATURES
from moderation.features.graph import graph_features
from moderation.features.network import Sender, network_features, observe_network
from moderation.features.typing import typing_features
from moderation.features.window import DAY_MS, HOUR_MS, Reading, post_identity
from moderation.state import PlatformState

TEXT_DIGITS = 32
Seen = Literal["new", "same", "revision"]


@dataclass(frozen=True)
class FeatureVector:
    """Metadata features of one post, shape (len(FEATURES),), NaN where unknown, and the state they were read from."""

    values: NDArray[np.float64]
    graph_epoch: int | None
    address_hash: str | None
    device_hash: str | None
    key_id: str | None
    degraded: tuple[str, ...]


class FeatureExtractor:
    """Applies events in order and computes the vectors of judgeable posts. Applying an event twice has no effect."""

    def __init__(self, state: PlatformState) -> None:
        self._state = state

    def seen_before(self, post: Post) -> Seen:
        """Return whether this post was observed within 24 hours, with the same text or with another."""
        at_ms = _time(post)
        hashes = Reading(self._state, at_ms, late=False).members(
            f"post:{post_identity(post.account_id or '', post.post_id)}", DAY_MS
        )
        if _text_of(post) in hashes:
            return "same"
        return "revision" if hashes else "new"

    def observe(self, event: Event) -> None:
        """Apply an event to the state only. Labels are never features of their subject."""
        if isinstance(event, Post):
            if event.account_id is not None and event.at_ms is not None:
                self._take(event, event.account_id, event.at_ms)
            return
        self._state.advance(event.at_ms)
        if isinstance(event, Follow):
            follows = event.action == "follow"
            self._state.follows.apply(event.account_id, event.target_account_id, event.at_ms, follows=follows)
        elif isinstance(event, Deletion) and event.account_id is not None:
            self._state.windows.add(f"deleted:{event.account_id}", event.post_id, event.at_ms)

    def extract(self, post: Post) -> FeatureVector:
        """Apply a judgeable post to the state and return its vector. Raises ValueError for any other post."""
        at_ms = _time(post)
        late = self._state.is_late(at_ms)
        senders = self._take(post, post.account_id or "", at_ms)
        reading = Reading(self._state, at_ms, late=late)
        graph, epoch = graph_features(self._state, post, at_ms, late=late)
        found = {
            **typing_features(post),
            **network_features(reading, post, senders[self._state.address_key.key_id]),
            **graph,
            **account_features(reading, post),
        }
        values = np.full(len(FEATURES), math.nan)
        values[[COLUMN[name] for name in found]] = list(found.values())
        current = senders[self._state.keyring.key_id]
        known = None if current.address is None and current.device is None else current.key_id
        return FeatureVector(values, epoch, current.address, current.device, known, self._degraded(reading))

    def _take(self, post: Post, account_id: str, at_ms: int) -> dict[str, Sender]:
        """Apply a post to the state; return its sender by key id."""
        self._state.advance(at_ms)
        windows = self._state.windows
        windows.add(f"post:{post_identity(account_id, post.post_id)}", _text_of(post), at_ms)
        observe_account(windows, post, account_id, at_ms)
        senders = {key.key_id: Sender.of(post, key) for key in self._state.keyring.live}
        for sender in senders.values():
            observe_network(windows, post, account_id, at_ms, sender)
        return senders

    def _degraded(self, reading: Reading) -> tuple[str, ...]:
        named = []
        for window_ms, length in ((HOUR_MS, "1h"), (DAY_MS, "24h")):
            if not reading.known(window_ms):
                named.append(f"windows_{length}")
            elif not reading.addresses_known(window_ms):
                named.append(f"address_windows_{length}")
        if self._state.graph_lost:
            named.append("graph")
        return tuple(named)


def _time(post: Post) -> int:
    at_ms = post.at_ms
    if at_ms is None or post.account_id is None:
        raise ValueError("a post without account and time has no metadata features")
    return at_ms


def _text_of(post: Post) -> str:
    """Return half the bits of the hash of the text: 2⁶⁴ trials are needed for a collision."""
    return post.content_hash[:TEXT_DIGITS]
