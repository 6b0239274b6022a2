"""An account's age, size and pace."""

from __future__ import annotations

import math
from itertools import pairwise

from moderation.events import Account, Post
from moderation.features.window import DAY_MS, HOUR_MS, Reading

LEAST_POSTS = 4
MOST_POSTS = 32


def account_features(reading: Reading, post: Post) -> dict[str, float]:
    """Profile figures as the platform sent them, and pace from the posts and deletions seen."""
    found = _profile(post, post.account) if post.account is not None else {}
    own = {f"{reading.at_ms}:{post.post_id}"}
    if reading.known(HOUR_MS):
        found["account_posts_1h"] = _distinct_posts(reading.members(f"posts:{post.account_id}", HOUR_MS) | own)
    if reading.known(DAY_MS):
        posts = reading.members(f"posts:{post.account_id}", DAY_MS) | own
        found["account_posts_24h"] = _distinct_posts(posts)
        found["account_deletions_24h"] = reading.count(f"deleted:{post.account_id}", DAY_MS)
        regularity = _interval_cv(posts)
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


def _distinct_posts(members: set[str]) -> float:
    """A post that was revised stands there twice and counts once."""
    return float(len({member.partition(":")[2] for member in members}))


def _interval_cv(members: set[str]) -> float:
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
