"""Draws the audit sample, which measures error rates in operation, by a keyed hash of the identity of the post.

A draw depends only on the key, the platform, the account and the post id: a replay draws the same posts, and the draw
cannot be predicted without the key.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from moderation.events import Post


@dataclass(frozen=True)
class Draw:
    """One drawn post: the probability of the draw and its stratum."""

    probability: float
    stratum: str


@dataclass(frozen=True)
class AuditSampling:
    """Draws unflagged posts with probability `rate` and flagged ones with `flagged_rate`."""

    key: bytes
    rate: float
    flagged_rate: float

    def draw(self, platform_id: str, post: Post, *, flagged: bool) -> Draw | None:
        """Return the draw of this post, None when it is not sampled."""
        probability = self.flagged_rate if flagged else self.rate
        digest = hmac.digest(self.key, _message(platform_id, post), "sha256")
        if int.from_bytes(digest[:8], "big") >= probability * 2**64:
            return None
        return Draw(probability, stratum_of(post, flagged=flagged))


def _message(platform_id: str, post: Post) -> bytes:
    """Return the identity of the post, each part with its length as prefix, so that the encoding is unique."""
    parts = [part.encode("utf-8", "surrogatepass") for part in (platform_id, post.account_id or "", post.post_id)]
    return b"audit" + b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def stratum_of(post: Post, *, flagged: bool) -> str:
    """Return length band, language and input method, as in the certificate, and whether it was flagged."""
    words = post.text.count(" ") + 1
    band = "short" if words < 20 else "medium" if words < 100 else "long"
    method = post.typing.input_method if post.typing is not None else None
    return "|".join(("flagged" if flagged else "unflagged", band, post.lang or "unknown", method or "unknown"))
