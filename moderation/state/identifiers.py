"""Converts identifiers to 64-bit numbers, which is all that the state keeps of them."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

from moderation.events import Post


@lru_cache(maxsize=65_536)
def account_number(account_id: str) -> int:
    """Return the number of an account id. Among 100 million accounts two share one with a probability of 3e-4."""
    return _number(b"account", account_id.encode("utf-8", "surrogatepass"))


def community_number(post: Post) -> int:
    """Return the number of the community of a post; of its surface where it has none."""
    if post.community is not None:
        return _number(b"community", post.community.encode("utf-8", "surrogatepass"))
    return _number(b"surface", (post.surface or "").encode("utf-8", "surrogatepass"))


def post_number(account_id: str, post_id: str) -> int:
    """Return the number of a post of an account; the length of the account id keeps different pairs apart."""
    return _number(b"post", f"{len(account_id)}:{account_id}:{post_id}".encode("utf-8", "surrogatepass"))


def hash_number(keyed_hash: str | None) -> int:
    """Return the first 64 bits of a keyed hash, `key_id:hex`; 0 without one."""
    return 0 if keyed_hash is None else int(keyed_hash.rpartition(":")[2][:16], 16) or 1


def text_number(content_hash: str) -> int:
    """Return the first 64 bits of the SHA-256 of a text."""
    return int(content_hash[:16], 16)


def _number(kind: bytes, value: bytes) -> int:
    return int.from_bytes(blake2b(value, digest_size=8, person=kind).digest(), "little") or 1
