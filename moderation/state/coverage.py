"""What the state knows: its clock, and which windows and graphs are complete as of a time."""

from __future__ import annotations

from dataclasses import dataclass

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
KEPT_MS = 25 * HOUR_MS
"""Windows cover 24 hours; the additional hour is for late events."""
LATENESS_MS = 30_000
"""Default of the allowed lateness."""
MOST_LATE_MS = 10 * MINUTE_MS
"""Windows over other accounts are not known as of an earlier time than this before the watermark."""


LATE = "late"
"""Name of what is missing for a post that comes long after later ones."""
BEHIND = "partition_behind"
"""Name of what is missing while a partition has not been read as far as a post needs, or the post's own one as far as
others."""
GRAPH_EPOCH = "graph_epoch"
"""Name of what is missing while `state.graph_epochs` lacks the graph that a post needs."""


@dataclass
class Coverage:
    """The clock of the state and what is missing from it.

    Windows over other accounts end with the last full minute: a minute is full for a post when it ended at least
    `lateness_ms` before it. Events that are less late than this change no feature of another account's post.
    """

    lateness_ms: int = LATENESS_MS
    follows_complete_from_ms: int | None = 0
    """From when all follows are known; None: never, so that graph features are missing."""
    watermark_ms: int | None = None
    """The latest event time."""
    others_ms: int | None = None
    """The latest event time of the sidecars that share the state; None where it is not shared."""
    passed_ms: int = 0
    """Up to when own partitions of a shared state were read: an earlier event is late, a later one was not read yet."""
    late_events: int = 0
    """Number of events beyond the allowed lateness."""
    degraded_since_ms: int | None = None
    """Events before this time are unknown: windows that include them are missing, not empty."""
    follows_lost: bool = False
    """Whether follow events are among the unknown ones, so that the complete graph is unknown."""
    reached_ms: int | None = None
    """A partition has not been read beyond this time although its log continues; None: all have been."""

    def advance(self, at_ms: int) -> bool:
        """Advance the clock to the time of an event; return whether it moved."""
        if self.watermark_ms is None or at_ms > self.watermark_ms:
            self.watermark_ms = at_ms
            return True
        self.late_events += at_ms < self.watermark_ms - self.lateness_ms
        return False

    def full_minute(self, at_ms: int) -> int:
        """Return the last full minute for a post of a time."""
        return (at_ms - self.lateness_ms) // MINUTE_MS - 1

    def own_window_known(self, at_ms: int, window_ms: int) -> bool:
        """Return whether all events of an account's own window that ends at a time were observed and are kept."""
        start_ms = at_ms - window_ms
        if self.watermark_ms is not None and start_ms < self.watermark_ms - KEPT_MS:
            return False
        return self.degraded_since_ms is None or start_ms >= self.degraded_since_ms

    def history_known(self, at_ms: int, window_ms: int) -> bool:
        """Return whether no event of a longer history that ends at a time was lost."""
        return self.degraded_since_ms is None or at_ms - window_ms >= self.degraded_since_ms

    def missing_others(self, at_ms: int) -> str | None:
        """Return why nothing is known of other accounts as of a time; None where it is known."""
        if self.watermark_ms is not None and at_ms < self.watermark_ms - MOST_LATE_MS:
            return LATE
        if self.others_ms is not None and at_ms < self.others_ms - MOST_LATE_MS:
            return LATE if at_ms <= self.passed_ms else BEHIND
        if self.reached_ms is not None and (self.full_minute(at_ms) + 1) * MINUTE_MS > self.reached_ms:
            return BEHIND
        return None

    def follows_known(self, at_ms: int) -> bool:
        """Return whether all follows up to a time are known."""
        complete_ms = self.follows_complete_from_ms
        return not self.follows_lost and complete_ms is not None and at_ms >= complete_ms
