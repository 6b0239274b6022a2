"""A second risk model on trial: it judges beside the live one, and in place of it for a share of the accounts."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from moderation.risk.model import BundledRiskModel

MOST_REMEMBERED = 100_000
"""Accounts whose comparison was recorded; beyond them the oldest are recorded again."""


@dataclass(frozen=True)
class TrialModel:
    """A risk model, the share of accounts that it judges in place of the live one, and the key that draws them."""

    risk: BundledRiskModel
    share: float
    key: bytes
    _recorded: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict, compare=False, repr=False)

    def text_decides(self, features: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether texts decide about a flag by this model, *features* of shape (n, f) to (n,)."""
        return self.risk.text_decides(self.risk.metadata_scores(features))

    def is_first(self, account_id: str, who: str) -> bool:
        """Return whether this process has not recorded that answer about an account yet, and note that it does.

        So that a bundle that flags very many posts does not fill the review database.
        """
        if (account_id, who) in self._recorded:
            return False
        self._recorded[account_id, who] = None
        if len(self._recorded) > MOST_REMEMBERED:
            self._recorded.popitem(last=False)
        return True

    def decides(self, platform_id: str, account_id: str) -> bool:
        """Return whether it judges an account. A larger share keeps the accounts of a smaller one."""
        if not self.share:
            return False
        name = f"{len(platform_id)}:{platform_id}:{account_id}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(self.key, b"trial" + name, "sha256")
        return int.from_bytes(digest[:8], "big") < self.share * 2**64
