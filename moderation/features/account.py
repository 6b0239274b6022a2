"""Account features: age, size and posting rate."""

from __future__ import annotations

import math
from itertools import pairwise

from moderation.events import Account, Post
from moderation.features.window import DAY_MS, HOUR_MS, Reading
from moderation.state.account_history import OwnPosts

LEAST_POSTS = 4
MOST_POSTS = 32


def account_features(reading: Reading, post: Post, own: OwnPosts) -> dict[str, float]:
    """Return profile figures as sent by the platform, and posting rates from the observed posts and deletions."""
    found = account_profile(post, post.account) if post.account is not None else {}
    if reading.own_known(HOUR_MS):
        found["account_posts_1h"] = own.in_hour()
    if reading.own_known(DAY_MS):
        found["account_posts_24h"] = own.in_day()
        found["account_deletions_24h"] = reading.state.accounts.deletions(reading.account, reading.at_ms)
        regularity = _interval_cv(own.first_times(MOST_POSTS))
        if not math.isnan(regularity):
            found["account_post_interval_cv"] = regularity
    return found


def account_profile(post: Post, account: Account) -> dict[str, float]:
    """Return the features of the public figures of an account at the time of a post."""
    found: dict[str, float] = {}
    age_days = post.account_age_days
    if age_days is not None and age_days >= 0:
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


def _interval_cv(times: list[int]) -> float:
    """Return the coefficient of variation of the times between posts, given in ascending order."""
    if len(times) < LEAST_POSTS:
        return math.nan
    gaps = [later - earlier for earlier, later in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    return math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) / mean if mean > 0 else math.nan
