"""Summarises a run or a scoring in one or two lines, with a warning where nothing could be judged."""

from __future__ import annotations

from collections.abc import Mapping

_WHY = (
    ("posts_without_time", "no usable time (created_at)"),
    ("posts_without_account", "no account (account_id)"),
)


def judged(totals: Mapping[str, int]) -> int:
    """Return the number of judged posts: those with an account and a time that were not repeats."""
    unjudged = totals.get("posts_without_metadata", 0) + totals.get("posts_repeated", 0)
    return totals.get("posts", 0) - unjudged


def nothing_judged(totals: Mapping[str, int]) -> str | None:
    """Return why no post could be judged; None where one was, or was a repeat of one, or no record was read."""
    posts, rejected = totals.get("posts", 0), totals.get("dead_letters", 0)
    if posts > totals.get("posts_without_metadata", 0):
        return None
    if posts:
        reasons = [f"{totals[name]} of {posts} posts had {why}" for name, why in _WHY if totals.get(name)]
        return f"{' and '.join(reasons)}: nothing was judged"
    others = sum(totals.get(name, 0) for name in ("follows", "deletions", "labels", "ignored"))
    if rejected + others == 0:
        return None
    return f"no post among {rejected + others} records ({rejected} rejected): nothing was judged"


def summary(totals: Mapping[str, int]) -> str:
    """Return the counts of a run in one line."""
    parts = [
        f"{totals.get('posts', 0)} posts read",
        f"{judged(totals)} judged",
        f"{totals.get('flags', 0)} flagged",
        f"{totals.get('posts_repeated', 0)} repeated",
        f"{totals.get('ignored', 0)} records ignored",
        f"{totals.get('dead_letters', 0)} rejected",
    ]
    invalid = {name.removeprefix("invalid:"): count for name, count in totals.items() if name.startswith("invalid:")}
    if invalid:
        most = sorted(invalid.items(), key=lambda pair: (-pair[1], pair[0]))[:8]
        parts.append("invalid values: " + ", ".join(f"{name} {count}" for name, count in most))
    return ", ".join(parts)
