"""The truth about simulated accounts; it is never part of the events."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Truth:
    """One account: its kind, and for a campaign's account the strength and the campaign it belongs to."""

    account_id: str
    kind: str
    strength: str | None
    """weak, medium, strong, hijacked, slow or persona; None for a genuine account."""
    campaign: str | None
    writing: str = "machine"
    """Group of human writers; machine for a campaign's account."""
    since_ms: int = 0
    """Time of the first post that belongs to the campaign; a hijacked account has earlier ones of its owner."""

    @property
    def genuine(self) -> bool:
        """Whether the account belongs to no campaign."""
        return self.strength is None

    def as_row(self) -> dict[str, str | int | None]:
        """Return the row of the labels file."""
        return asdict(self)
