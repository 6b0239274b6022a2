"""Computes feature vectors from events, as of event time: a vector depends on no later event than its post."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moderation.effects import Followed
from moderation.events import Deletion, Event, Follow, Post
from moderation.features.account import account_features
from moderation.features.catalogue import COLUMN, FEATURES
from moderation.features.content import CommunityBaselines
from moderation.features.coordination import coordination_features, known_partners, occasions, read_items
from moderation.features.graph import graph_features
from moderation.features.network import Sender, account_kind, network_features
from moderation.features.shared_items import link_items, name_items, text_items
from moderation.features.typing import typing_features
from moderation.features.window import DAY_MS, HOUR_MS, Reading
from moderation.state import PlatformState, PostSeen
from moderation.state.coverage import GRAPH_EPOCH
from moderation.state.identifiers import account_number, community_number, hash_number, post_number, text_number
from moderation.state.score_history import OwnScores

Seen = Literal["new", "same", "revision"]
MOST_FOLLOWED = 200
"""Accounts that are passed on with a flag; the review database keeps some of them."""


class FeatureVector(NamedTuple):
    """Features of one post, shape (len(FEATURES),), NaN where unknown, and the state they were read from."""

    values: NDArray[np.float64]
    graph_epoch: int | None
    address_hash: str | None
    device_hash: str | None
    key_id: str | None
    degraded: tuple[str, ...]


class Identified(NamedTuple):
    """A judgeable post with its numbers in the state and its sender under the current key."""

    post: Post
    seen: PostSeen
    sender: Sender


class Observed(NamedTuple):
    """A post that was applied to the state, with the features that were read from it."""

    identified: Identified
    found: dict[str, float]
    graph_epoch: int | None
    degraded: tuple[str, ...]


class FeatureExtractor:
    """Applies events in order and reads the state for judgeable posts. Applying an event twice has no effect."""

    def __init__(self, state: PlatformState) -> None:
        self._state = state
        self._prepared: dict[int, Identified] = {}
        """Posts of the batch that was prepared, by their identity in memory."""

    def prepare(self, events: Sequence[Event], *, watched: bool) -> None:
        """Identify the posts of a batch, and load what the backend of the state has for its events in one round trip.

        With *watched*, whether accounts are watched is loaded too. May raise ConnectionLost; prepare again then.
        """
        posts = [event for event in events if isinstance(event, Post) and event.judgeable]
        identified = self._identified(posts)
        self._prepared = {id(post): one for post, one in zip(posts, identified, strict=True)}
        stored = self._state.stored
        if stored is None:
            return
        deletions = [
            (account_number(event.account_id), event.at_ms)
            for event in events
            if isinstance(event, Deletion) and event.account_id is not None
        ]
        stored.load((one.seen for one in self._prepared.values()), deletions, watched=watched)
        stored.follow(self._state.coverage)

    def identify(self, post: Post) -> Identified:
        """Return a judgeable post with its numbers. Raises ValueError for any other post."""
        return self._prepared.get(id(post)) or self._identified([post])[0]

    def _identified(self, posts: Sequence[Post]) -> list[Identified]:
        items = text_items(posts, self._state.keyring.live[0])
        return [self._with_numbers(post, texts) for post, texts in zip(posts, items, strict=True)]

    def _with_numbers(self, post: Post, texts: tuple[int, ...]) -> Identified:
        at_ms, account_id = post.at_ms, post.account_id
        if at_ms is None or account_id is None:
            raise ValueError("a post without account and time has no metadata features")
        key = self._state.keyring.live[0]
        senders = [Sender.of(post, live) for live in self._state.keyring.live]
        numbers = [hash_number(value) for sender in senders for value in (sender.address, sender.device)]
        seen = PostSeen(
            at_ms,
            account_number(account_id),
            post_number(account_id, post.post_id),
            text_number(post.content_hash),
            account_kind(post),
            tuple(numbers),
            community_number(post),
            texts,
            link_items(post, key),
            name_items(post, key),
        )
        return Identified(post, seen, senders[0])

    def seen_before(self, identified: Identified) -> Seen:
        """Return whether a post was observed within 24 hours, with the same text or with another."""
        seen = identified.seen
        texts = self._state.accounts.texts(seen.account, seen.post, seen.at_ms)
        if not texts:
            return "new"
        return "same" if seen.text in texts else "revision"

    def observe(self, event: Event) -> None:
        """Apply an event to the state only. Labels are never features of their subject."""
        state = self._state
        if isinstance(event, Post):
            if event.judgeable:
                state.apply_post(self.identify(event).seen)
        elif isinstance(event, Follow):
            follower, followed = account_number(event.account_id), account_number(event.target_account_id)
            state.apply_follow(follower, followed, event.at_ms, follows=event.action == "follow")
        elif isinstance(event, Deletion) and event.account_id is not None:
            number = post_number(event.account_id, event.post_id)
            state.apply_deletion(account_number(event.account_id), number, event.at_ms)
        else:
            state.advance(event.at_ms)

    def take(self, identified: Identified) -> Observed:
        """Apply a post to the state and read its features of all families but typing."""
        state, post, seen = self._state, identified.post, identified.seen
        state.apply_post(seen)
        reading = Reading.of(state, seen.account, seen.at_ms)
        items = read_items(reading, seen)
        for occasion, other in occasions(reading, seen, items):
            state.add_partner(seen.account, seen.at_ms, occasion, other)
        partners = known_partners(reading)
        own = reading.own_posts()
        graph, epoch = graph_features(reading)
        found = {
            **network_features(reading, post, seen, own),
            **graph,
            **account_features(reading, post, own),
            **coordination_features(reading, seen, items, partners),
        }
        return Observed(identified, found, epoch, self._degraded(reading, partners))

    def add_score(self, identified: Identified, *, logit: float, n_tokens: int, excess: float) -> None:
        """Add the detector's score of a post, with the excess of its community, to those of its account."""
        seen = identified.seen
        self._state.add_score(seen.account, seen.post, seen.at_ms, logit=logit, n_tokens=n_tokens, excess=excess)

    def followed(self, post: Post) -> tuple[Followed, ...]:
        """Return accounts that the author of a post followed by its time, the newest follows first.

        Read after the batch of the post: a follow that a later event of the batch ends is missing, and an account that
        follows back by then is mutual. Flags need them only, because this costs more than the features of the graph.
        """
        if post.account_id is None or post.created_at is None:
            return ()
        until_ms = int(post.created_at.timestamp() * 1000)
        found = self._state.follows.neighbours(account_number(post.account_id), until_ms, MOST_FOLLOWED)
        return tuple(Followed(one.account, one.mutual) for one in found)

    def add_vote(self, identified: Identified, *, logit: float, n_tokens: int) -> None:
        """Add the detector's score of a post to those of its community."""
        seen = identified.seen
        self._state.add_vote(seen.community, seen.account, seen.at_ms, logit=logit, n_tokens=n_tokens)

    def excess(self, identified: Identified, baselines: CommunityBaselines) -> float:
        """Return by how much the texts of the community of a post score above human ones; NaN where unknown."""
        seen = identified.seen
        votes = self._state.votes.closed(seen.community, seen.at_ms)
        return baselines.excess(seen.community, votes, seen.account)

    def forget_scores(self) -> None:
        """Drop scores that are too old; after each batch."""
        self._state.forget_scores()

    def own_scores(self, identified: Identified) -> OwnScores:
        """Return the scores of the account's last posts up to this one."""
        return self._state.scores.window(identified.seen.account, identified.seen.at_ms)

    def extract(self, post: Post) -> FeatureVector:
        """Apply a judgeable post to the state and return its vector, without content features.

        Raises ValueError for any other post.
        """
        return vectors([self.take(self.identify(post))])[0]

    def _degraded(self, reading: Reading, partners: tuple[int, int] | None) -> tuple[str, ...]:
        named: list[str] = []
        missing = reading.missing_others
        if missing is not None:
            named.append(missing)
        for window_ms, length in ((HOUR_MS, "1h"), (DAY_MS, "24h")):
            if not reading.own_known(window_ms):
                named.append(f"windows_{length}")
            elif missing is None and not reading.shared_known(window_ms):
                named.append(f"address_windows_{length}")
        if not self._state.scores_known(reading.at_ms):
            named.append("scores_14d")
        if partners is None:
            named.append("partners_7d")
        if self._state.graph_lost or (reading.follows_begun and not reading.follows_known):
            named.append("graph")
        if self._state.epochs.missing(reading.at_ms):
            named.append(GRAPH_EPOCH)
        return tuple(named)


def vectors(observed: Sequence[Observed]) -> list[FeatureVector]:
    """Return the vectors of observed posts, with their typing features and without those of content."""
    rows = []
    for one, typed in zip(observed, typing_features([one.identified.post for one in observed]), strict=True):
        known = dict.fromkeys(COLUMN, math.nan)
        known.update(typed)
        known.update(one.found)
        rows.append(list(known.values()))
    values = np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))
    return [_vector(one, row) for one, row in zip(observed, values, strict=True)]


def _vector(one: Observed, row: NDArray[np.float64]) -> FeatureVector:
    sender = one.identified.sender
    key_id = None if sender.address is None and sender.device is None else sender.key_id
    return FeatureVector(row, one.graph_epoch, sender.address, sender.device, key_id, one.degraded)
