"""Moved: the protocols live in `moderation.ports`."""

from moderation.ports import Claim, OutboxRow, Source, Store

__all__ = ["Claim", "OutboxRow", "Source", "Store"]
