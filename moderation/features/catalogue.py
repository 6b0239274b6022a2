"""The ordered list of features. A risk bundle refers to each by name and version."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

Family = Literal["content", "typing", "network", "graph", "account", "coordination"]


@dataclass(frozen=True)
class Feature:
    """One feature; its value is NaN where unknown."""

    name: str
    family: Family
    unit: str
    meaning: str
    version: int = 1
    """Increased when the meaning of the values changes; a model trained with another version is refused."""


def _content(name: str, unit: str, meaning: str, version: int = 1) -> Feature:
    return Feature(f"content_{name}", "content", unit, meaning, version)


def _typing(name: str, unit: str, meaning: str) -> Feature:
    return Feature(f"typing_{name}", "typing", unit, meaning)


def _network(name: str, unit: str, meaning: str) -> Feature:
    """Return a feature of an address or device; version 2 ends with the last full minute."""
    return Feature(f"network_{name}", "network", unit, meaning, version=2)


def _graph(name: str, unit: str, meaning: str, version: int = 1) -> Feature:
    return Feature(f"graph_{name}", "graph", unit, meaning, version)


def _account(name: str, unit: str, meaning: str, version: int = 1) -> Feature:
    return Feature(f"account_{name}", "account", unit, meaning, version)


def _coordination(name: str, unit: str, meaning: str) -> Feature:
    return Feature(f"coordination_{name}", "coordination", unit, meaning)


FEATURES: tuple[Feature, ...] = (
    _content(
        "evidence",
        "1",
        "how far its last 4 or its last 12 texts in 14 days, the higher of both, together score above human texts, in "
        "standard deviations",
        2,
    ),
    _content(
        "mean", "spreads", "mean score of these texts above human texts of the same length and of the community", 2
    ),
    _content("scored", "count", "number of these texts", 2),
    _content("community", "spreads", "score of other accounts' texts in the community, which its own are compared to"),
    _typing("chars_per_s", "1/s", "characters typed (not pasted) per second of writing"),
    _typing("keystrokes_per_s", "1/s", "key presses per second of writing"),
    _typing("keystrokes_per_char", "1", "key presses per character of the text that was typed"),
    _typing("pasted_share", "share", "characters of the text that were pasted"),
    _typing("pastes", "count", "paste actions"),
    _typing("deletion_share", "share", "key presses that delete"),
    _typing("focus_losses_per_100_chars", "1", "times the window lost focus, per 100 characters"),
    _typing("interval_median_ms", "ms", "median time between key presses"),
    _typing("interval_iqr_ratio", "1", "interquartile range of those times over their median"),
    _typing("interval_cv", "1", "standard deviation of those times over their mean"),
    _typing("interval_entropy_bits", "bits", "entropy of those times in quarter-octave bins"),
    _typing("interval_lag1", "1", "correlation of the logarithm of each time with the next one's"),
    _typing("interval_repeated_share", "share", "times that equal the one before to the millisecond"),
    _typing("boundary_pause_ratio", "1", "median time at word boundaries over median time within words"),
    _network("accounts_1h", "count", "distinct accounts on the address in the last hour"),
    _network("accounts_24h", "count", "distinct accounts on the address in the last 24 hours"),
    _network("new_account_share_24h", "share", "those of the last 24 hours that were younger than 7 days"),
    _network("posts_1h", "count", "posts from the address in the last hour"),
    _network("accounts_vs_kind", "log2", "accounts on the address in 24 hours over what its kind of network leads to"),
    _network("device_accounts_24h", "count", "distinct accounts on the device in the last 24 hours"),
    _network("account_addresses_24h", "count", "distinct addresses of the account in the last 24 hours"),
    _graph("out_degree", "count", "accounts it follows", version=2),
    _graph("in_degree", "count", "accounts that follow it", version=2),
    _graph("reciprocity", "share", "of those it follows, the ones that follow it back", version=2),
    _graph("clustering", "share", "pairs of its neighbours that know each other"),
    _graph("core_number", "count", "largest k for which it stands in the graph's k-core"),
    _graph("component_share", "share", "accounts of the graph in its connected component"),
    _graph("log_pagerank", "ln", "PageRank over the mean PageRank"),
    _account("age_days", "days", "age of the account"),
    _account("posts_1h", "count", "its posts in the last hour", version=2),
    _account("posts_24h", "count", "its posts in the last 24 hours", version=2),
    _account("posts_per_day", "1/day", "its posts over its whole life"),
    _account("follow_ratio", "ln", "followers over following, one added to each"),
    _account("deleted_share", "share", "of its posts, those deleted"),
    _account("deletions_24h", "count", "its posts deleted in the last 24 hours", version=2),
    _account("has_bio", "0/1", "whether its profile has a text"),
    _account("has_avatar", "0/1", "whether its profile has a picture"),
    _account(
        "post_interval_cv",
        "1",
        "regularity of its last posts: standard deviation over mean of the time between",
        version=2,
    ),
    _coordination("same_text_1h", "count", "accounts that posted nearly the same text in the last hour"),
    _coordination("same_target_1h", "count", "accounts that posted its link, mention or hashtag in the last hour"),
    _coordination("new_share_1h", "share", "those of the largest of these groups that were younger than 7 days"),
    _coordination(
        "partners_7d", "count", "accounts that posted two or more of its texts or links in the same hour, in 7 days"
    ),
    _coordination(
        "most_shared_7d", "count", "texts or links that one account posted in the same hour as it, in 7 days"
    ),
)

_NAMES = "\n".join(f"{feature.name} {feature.version}" for feature in FEATURES)
FEATURES_VERSION = hashlib.sha256(_NAMES.encode()).hexdigest()[:8]
"""Identifies the columns of a stored feature vector."""
COLUMN = {feature.name: index for index, feature in enumerate(FEATURES)}
