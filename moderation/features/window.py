"""Reads the state as of the time of one post."""

from __future__ import annotations

from typing import NamedTuple

from moderation.state import PlatformState
from moderation.state.account_history import OwnPosts
from moderation.state.coverage import DAY_MS, HOUR_MS, MINUTE_MS
from moderation.state.members import FewMembers, Members
from moderation.state.shared_windows import SharedWindows

__all__ = ["DAY_MS", "HOUR_MS", "Reading"]


class Reading(NamedTuple):
    """An account's own windows end at `at_ms`, windows over other accounts with the last full minute before."""

    state: PlatformState
    account: int
    at_ms: int
    full_minute: int
    shared_from_ms: int | None
    """Since when addresses and devices are hashed with the key that is read; None: since the beginning."""
    missing_others: str | None
    """Why nothing is known of other accounts; None where it is known."""

    @classmethod
    def of(cls, state: PlatformState, account: int, at_ms: int) -> Reading:
        """Return the reading for a post of an account at a time."""
        coverage, since_ms = state.coverage, state.address_key_started_ms
        return cls(state, account, at_ms, coverage.full_minute(at_ms), since_ms, coverage.missing_others(at_ms))

    @property
    def follows_begun(self) -> bool:
        """Whether there was a follow event up to the last full minute."""
        first_ms = self.state.follows.first_ms
        return first_ms is not None and first_ms // MINUTE_MS <= self.full_minute

    @property
    def follows_known(self) -> bool:
        """Whether all follows up to the post are known."""
        return not self.state.graph_lost and self.state.coverage.follows_known(self.at_ms)

    def own_posts(self) -> OwnPosts:
        """Return the posts of the account in the last day."""
        return self.state.accounts.window(self.account, self.at_ms, self.state.address_key)

    def members(self, windows: SharedWindows, key: int) -> Members | FewMembers:
        """Return the members of a shared key in the last hour and day."""
        return windows.read(key, self.full_minute)

    def others_known(self, window_ms: int) -> bool:
        """Return whether all events of a window over other accounts were observed."""
        return self.missing_others is None and self.state.coverage.own_window_known(self._end_ms, window_ms)

    def own_known(self, window_ms: int) -> bool:
        """Return whether all events of an own window were observed; else its features are missing, not too small."""
        return self.state.coverage.own_window_known(self.at_ms, window_ms)

    def shared_known(self, window_ms: int) -> bool:
        """Return the same for windows of hashed addresses and devices, which begin again with a new key."""
        whole = self.shared_from_ms is None or self._end_ms - window_ms >= self.shared_from_ms
        return whole and self.others_known(window_ms)

    @property
    def _end_ms(self) -> int:
        return (self.full_minute + 1) * MINUTE_MS
