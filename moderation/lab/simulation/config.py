"""The configuration of a simulated platform."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from moderation.errors import SettingsError

Signature = Literal["addresses", "ring", "typing", "coordination"]
SIGNATURES: tuple[Signature, ...] = ("addresses", "ring", "typing", "coordination")
"""Signals of campaigns beside their texts; each can be removed."""

Parameters = Literal["trained", "held_out"]


@dataclass(frozen=True)
class SimulationConfig:
    """The same configuration with the same texts gives the same events on every machine."""

    seed: int
    accounts: int
    days: int = 14
    campaign_share: float = 0.1
    """Share of all accounts that belong to campaigns."""
    unseen_share: float = 0.0
    """Share of the campaign accounts that belong to the families excluded from all training."""
    parameters: Parameters = "trained"
    """Ranges that the population and the campaigns are drawn from: for training, or held out for evaluation."""
    planted: frozenset[Signature] = frozenset(SIGNATURES)
    max_posts: int = 12
    """Maximum number of posts of an account."""
    history_days: int = 7
    """Days before the first post in which accounts begin to follow each other."""
    start: datetime = datetime(2026, 1, 5, tzinfo=UTC)
    name: str = "sim"
    """Prefix of every id, so that platforms share none."""

    def __post_init__(self) -> None:
        """Raise SettingsError for a value out of range."""
        for what, value, low in (
            ("accounts", self.accounts, 1),
            ("days", self.days, 1),
            ("posts", self.max_posts, 1),
            ("days of history", self.history_days, 4),
        ):
            if value < low:
                raise SettingsError(f"A simulated platform needs at least {low} {what}, got {value}.")
        for what, share in (("campaign share", self.campaign_share), ("unseen share", self.unseen_share)):
            if not 0.0 <= share <= 1.0:
                raise SettingsError(f"The {what} must be between 0 and 1, got {share}.")
