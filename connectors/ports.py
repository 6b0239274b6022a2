"""Moved: the protocols live in `moderation.ports`."""

from moderation.ports import Batch, Claim, OutboxRow, Source, Store

__all__ = ["Batch", "Claim", "OutboxRow", "Source", "Store"]
