"""The random sample by which error rates are measured in operation, drawn by a keyed hash of the post's id.

A draw depends on the key and the id alone: a replay draws the same posts, and nobody without the key can tell
which posts will be looked at.
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
        message = b"audit\x00" + platform_id.encode() + b"\x00" + post.post_id.encode("utf-8", "surrogatepass")
        digest = hmac.digest(self.key, message, hashlib.sha256)
        if int.from_bytes(digest[:8], "big") >= probability * 2**64:
            return None
        return Draw(probability, stratum_of(post, flagged=flagged))


def stratum_of(post: Post, *, flagged: bool) -> str:
    """Length band, language and input method, as in the certificate's strata, and whether the post was flagged."""
    words = post.text.count(" ") + 1
    band = "short" if words < 20 else "medium" if words < 100 else "long"
    method = post.typing.input_method if post.typing is not None else None
    return "|".join(("flagged" if flagged else "unflagged", band, post.lang or "unknown", method or "unknown"))
