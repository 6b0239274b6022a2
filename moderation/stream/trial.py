"""A second risk model on trial: it judges beside the live one, and in place of it for a share of the accounts."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from moderation.risk.model import BundledRiskModel


@dataclass(frozen=True)
class TrialModel:
    """A risk model, the share of accounts that it judges in place of the live one, and the key that draws them."""

    risk: BundledRiskModel
    share: float
    key: bytes

    def decides(self, platform_id: str, account_id: str) -> bool:
        """Return whether it judges an account. A larger share keeps the accounts of a smaller one."""
        if not self.share:
            return False
        name = f"{len(platform_id)}:{platform_id}:{account_id}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(self.key, b"trial" + name, "sha256")
        return int.from_bytes(digest[:8], "big") < self.share * 2**64
