"""Reading windows as of one event's time."""

from __future__ import annotations

from dataclasses import dataclass

from moderation.state import PlatformState
from moderation.state.windows import MINUTE_MS

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True)
class Reading:
    """Windows that end at `at_ms`. A late event reads only minutes before its own, where nothing later can stand."""

    state: PlatformState
    at_ms: int
    late: bool

    def members(self, key: str, window_ms: int) -> set[str]:
        """Distinct members seen under a key within the window."""
        minute = self.at_ms // MINUTE_MS
        return self.state.windows.members(
            key, after_minute=minute - window_ms // MINUTE_MS, up_to_minute=minute - 1 if self.late else minute
        )

    def count(self, key: str, window_ms: int, including: str | None = None) -> int:
        """How many distinct members were seen under a key within the window, with `including` among them."""
        minute = self.at_ms // MINUTE_MS
        return self.state.windows.count(
            key,
            after_minute=minute - window_ms // MINUTE_MS,
            up_to_minute=minute - 1 if self.late else minute,
            including=including,
        )

    def known(self, window_ms: int) -> bool:
        """Whether the window was seen whole; where not, its features are missing instead of small."""
        return self.state.window_is_known(self.at_ms, window_ms)

    def addresses_known(self, window_ms: int) -> bool:
        """The same for windows of hashed addresses and devices."""
        return self.state.address_window_is_known(self.at_ms, window_ms)
