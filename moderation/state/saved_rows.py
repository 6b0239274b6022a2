"""The kinds of rows in a saved state: how many numbers a row has, and how long it is kept."""

from __future__ import annotations

from collections.abc import Mapping

from moderation.state.community_votes import VOTES_KEPT_MS
from moderation.state.coverage import KEPT_MS
from moderation.state.keyed import HOURLY_MS
from moderation.state.partners import PARTNERS_KEPT_MS
from moderation.state.score_history import SCORES_KEPT_MS
from moderation.state.watchlist import WATCHED_MS

POST_FIELDS = 5
"""Numbers of a post, before an address and a device for each key."""
WIDTHS: Mapping[str, int] = {
    "items": 4,
    "partners": 3,
    "deletions": 3,
    "follows": 3,
    "watched": 2,
    "scores": 3,
    "votes": 3,
}
"""Numbers in a row by kind; a post has two more for each address key."""
KINDS = ("posts", *WIDTHS)
_KEPT_MS = {
    "posts": KEPT_MS,
    "items": HOURLY_MS,
    "partners": PARTNERS_KEPT_MS + KEPT_MS,
    "deletions": KEPT_MS,
    "watched": WATCHED_MS + KEPT_MS,
    "scores": SCORES_KEPT_MS + KEPT_MS,
    "votes": VOTES_KEPT_MS + KEPT_MS,
}


def kept_from_ms(watermark_ms: int) -> dict[str, int]:
    """Return by kind the time before which rows are not read any more; none for follows, which the graphs replace."""
    return {kind: watermark_ms - kept_ms for kind, kept_ms in _KEPT_MS.items()}
