"""Reads windows as of the time of an event."""

from __future__ import annotations

from dataclasses import dataclass

from moderation.state import PlatformState
from moderation.state.windows import MINUTE_MS

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def post_identity(account_id: str, post_id: str) -> str:
    """Return a post's name among those of all accounts. The length of the account id keeps different pairs apart."""
    return f"{len(account_id)}:{account_id}:{post_id}"


@dataclass(frozen=True)
class Reading:
    """Windows that end at `at_ms`. A late event reads only minutes before its own, which contain no later event."""

    state: PlatformState
    at_ms: int
    late: bool

    @property
    def _up_to_minute(self) -> int:
        return self.at_ms // MINUTE_MS - self.late

    def _after_minute(self, window_ms: int) -> int:
        return (self.at_ms - window_ms) // MINUTE_MS

    def members(self, key: str, window_ms: int) -> set[str]:
        """Return the distinct members of a key within the window."""
        return self.state.windows.members(
            key, after_minute=self._after_minute(window_ms), up_to_minute=self._up_to_minute
        )

    def latest(self, key: str, window_ms: int, at_least: int) -> set[str]:
        """Return the latest members of a key within the window: complete minutes, until there are `at_least`."""
        return self.state.windows.latest(
            key, after_minute=self._after_minute(window_ms), up_to_minute=self._up_to_minute, at_least=at_least
        )

    def count(self, key: str, window_ms: int, including: str | None = None) -> int:
        """Return the number of distinct members of a key within the window, `including` counted as one of them."""
        return self.state.windows.count(
            key,
            after_minute=self._after_minute(window_ms),
            up_to_minute=self._up_to_minute,
            including=including,
        )

    def known(self, window_ms: int) -> bool:
        """Return whether all events of the window were observed; else its features are missing instead of too small."""
        return self.state.window_is_known(self.at_ms, window_ms)

    def addresses_known(self, window_ms: int) -> bool:
        """Return the same for windows of hashed addresses and devices."""
        return self.state.address_window_is_known(self.at_ms, window_ms)
