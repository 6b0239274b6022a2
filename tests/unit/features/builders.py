"""Events for feature tests: one clock, and short constructors for posts and follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from moderation.events import Account, Client, Follow, Post, Typing
from moderation.features import FEATURES, FeatureExtractor, FeatureVector
from moderation.state import Keyring, PlatformState

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
KEYRING = Keyring.from_secrets(("k1", b"a" * 32), None)


def at(seconds: float) -> datetime:
    """A time this many seconds after the start."""
    return START + timedelta(seconds=seconds)


def new_state(epoch_s: int = 600) -> PlatformState:
    """An empty state."""
    return PlatformState(platform_id="p", keyring=KEYRING, graph_epoch_s=epoch_s)


def saved(state: PlatformState, directory: Path) -> None:
    """Save a state that keeps a journal there."""
    state.save({})
    assert state.finish_saving()
    assert directory.exists()


def restored(directory: Path, epoch_s: int = 600) -> PlatformState:
    """The state that was saved in a directory."""
    state = new_state(epoch_s)
    state.restore(directory)
    return state


def post(post_id: str, account: str, seconds: float, **fields: Any) -> Post:
    """Return a post by an account at a time; `ip` is the address of the client."""
    ip = fields.pop("ip", None)
    if ip is not None:
        fields["client"] = Client(ip=ip, network_kind="residential")
    return Post(
        post_id=post_id, text=fields.pop("text", "A walk."), account_id=account, created_at=at(seconds), **fields
    )


def follow(follower: str, followed: str, seconds: float, *, undo: bool = False) -> Follow:
    """A follow or its end."""
    action = "unfollow" if undo else "follow"
    return Follow(account_id=follower, target_account_id=followed, at=at(seconds), action=action)


def named(vector: FeatureVector) -> dict[str, float]:
    """Known features by name."""
    pairs = zip(FEATURES, vector.values.tolist(), strict=True)
    return {feature.name: value for feature, value in pairs if value == value}


def extract_all(state: PlatformState, events: list[Any]) -> list[FeatureVector]:
    """Vectors of the posts among the events."""
    extractor = FeatureExtractor(state)
    vectors = []
    for event in events:
        if isinstance(event, Post):
            vectors.append(extractor.extract(event))
        else:
            extractor.observe(event)
    return vectors


__all__ = ["Account", "Typing", "at", "extract_all", "follow", "named", "new_state", "post", "restored", "saved"]
