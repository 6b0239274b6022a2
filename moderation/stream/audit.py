"""The random sample by which error rates are measured in operation, drawn by a keyed hash of the post's identity.

A draw depends on the key, the platform, the account and the post id alone: a replay draws the same posts, and the draw
cannot be predicted without the key.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from moderation.events import Post


@dataclass(frozen=True)
class Draw:
    """One drawn post: how probable the draw was and which stratum it stands for."""

    probability: float
    stratum: str


@dataclass(frozen=True)
class AuditSampling:
    """Draws unflagged posts with probability `rate` and flagged ones with `flagged_rate`."""

    key: bytes
    rate: float
    flagged_rate: float

    def draw(self, platform_id: str, post: Post, *, flagged: bool) -> Draw | None:
        """The draw for this post, None when it is not sampled."""
        probability = self.flagged_rate if flagged else self.rate
        digest = hmac.digest(self.key, _message(platform_id, post), hashlib.sha256)
        if int.from_bytes(digest[:8], "big") >= probability * 2**64:
            return None
        return Draw(probability, stratum_of(post, flagged=flagged))


def _message(platform_id: str, post: Post) -> bytes:
    """The post's identity, each part with its length in front, so that different posts never share their bytes."""
    parts = [part.encode("utf-8", "surrogatepass") for part in (platform_id, post.account_id or "", post.post_id)]
    return b"audit" + b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def stratum_of(post: Post, *, flagged: bool) -> str:
    """Length band, language and input method, as in the certificate's strata, and whether the post was flagged."""
    words = post.text.count(" ") + 1
    band = "short" if words < 20 else "medium" if words < 100 else "long"
    method = post.typing.input_method if post.typing is not None else None
    return "|".join(("flagged" if flagged else "unflagged", band, post.lang or "unknown", method or "unknown"))
