"""Account features: age, size and posting rate."""

from __future__ import annotations

import math
from itertools import pairwise

from moderation.events import Account, Post
from moderation.features.window import DAY_MS, HOUR_MS, Reading
from moderation.state import WindowStore

LEAST_POSTS = 4
MOST_POSTS = 32


def observe_account(windows: WindowStore, post: Post, account_id: str, at_ms: int) -> None:
    """Add a post to the windows of its account: by identity, and by time."""
    windows.add(f"posts:{account_id}", post.post_id, at_ms)
    windows.add(f"times:{account_id}", f"{at_ms}:{post.post_id}", at_ms)


def account_features(reading: Reading, post: Post) -> dict[str, float]:
    """Return profile figures as sent by the platform, and posting rates from the observed posts and deletions."""
    found = _profile(post, post.account) if post.account is not None else {}
    if reading.known(HOUR_MS):
        found["account_posts_1h"] = reading.count(f"posts:{post.account_id}", HOUR_MS, post.post_id)
    if reading.known(DAY_MS):
        found["account_posts_24h"] = reading.count(f"posts:{post.account_id}", DAY_MS, post.post_id)
        found["account_deletions_24h"] = reading.count(f"deleted:{post.account_id}", DAY_MS)
        times = reading.latest(f"times:{post.account_id}", DAY_MS, 2 * MOST_POSTS)
        regularity = _interval_cv(times | {f"{reading.at_ms}:{post.post_id}"})
        if not math.isnan(regularity):
            found["account_post_interval_cv"] = regularity
    return found


def _profile(post: Post, account: Account) -> dict[str, float]:
    found: dict[str, float] = {}
    if account.created_at is not None and post.created_at is not None:
        age_days = (post.created_at - account.created_at).total_seconds() / 86_400
        if age_days >= 0:
            found["account_age_days"] = age_days
            if account.posts is not None:
                found["account_posts_per_day"] = account.posts / max(age_days, 1.0)
    if account.followers is not None and account.following is not None:
        found["account_follow_ratio"] = math.log((account.followers + 1) / (account.following + 1))
    if account.deleted_posts is not None and account.posts is not None:
        found["account_deleted_share"] = account.deleted_posts / max(account.posts + account.deleted_posts, 1)
    if account.has_bio is not None:
        found["account_has_bio"] = float(account.has_bio)
    if account.has_avatar is not None:
        found["account_has_avatar"] = float(account.has_avatar)
    return found


def _interval_cv(members: set[str]) -> float:
    """Return the coefficient of variation of the times between posts.

    A revised post has two members and counts once, at the first of its times.
    """
    first_seen: dict[str, int] = {}
    for member in members:
        at_ms, _, post_id = member.partition(":")
        first_seen[post_id] = min(int(at_ms), first_seen.get(post_id, int(at_ms)))
    times = sorted(first_seen.values())[-MOST_POSTS:]
    if len(times) < LEAST_POSTS:
        return math.nan
    gaps = [later - earlier for earlier, later in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    return math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) / mean if mean > 0 else math.nan
