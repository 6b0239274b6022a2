"""What posts of several accounts can have in common: a nearly equal text, a link, a mention or a hashtag."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain, islice

from moderation.events import Post
from moderation.state import Keyring
from moderation.state.identifiers import hash_number
from moderation.text.bands import band_keys

LEAST_WORDS = 8
"""A shorter text is often the same by chance."""
MOST_OF_A_KIND = 2
"""Links, mentions and hashtags of one post that are compared, of each kind."""
_MOST_CHARACTERS = 10_000
"""Longer texts are compared by their beginning."""
_TEXT_BANDS = 2
_MOST_READ = 20
_WORD = re.compile(r"\w+")
_TRACKING = re.compile(r"utm_|(?:fbclid|gclid|igsh|ref|si)(?:=|$)")
_LINK = re.compile(r"https?://[^\s<>\"')\]]+", re.IGNORECASE)
_HASHTAG = re.compile(r"(?<![\w&/#])#(\w*[^\W\d_]\w*)")


def text_items(post: Post, key: Keyring) -> tuple[int, ...]:
    """Return the keys of a text without its links: nearly equal texts share one; none for a short text."""
    text = _LINK.sub(" ", post.text[:_MOST_CHARACTERS])
    if sum(1 for _ in islice(_WORD.finditer(text), LEAST_WORDS)) < LEAST_WORDS:
        return ()
    return tuple(hash_number(key.hash_item(b"text", str(band))) for band in band_keys(text)[:_TEXT_BANDS])


def link_items(post: Post, key: Keyring) -> tuple[int, ...]:
    """Return the keys of the first links of a post."""
    written = (found[0].rstrip(".,;:!?") for found in _LINK.finditer(post.text[:_MOST_CHARACTERS]))
    links = (same_link(link) for link in islice(chain(post.urls or (), written), _MOST_READ))
    return _keys(key, b"link", (link for link in links if link is not None))


def name_items(post: Post, key: Keyring) -> tuple[int, ...]:
    """Return the keys of the first mentions and hashtags of a post."""
    text = _LINK.sub(" ", post.text[:_MOST_CHARACTERS])
    hashtags = (found[1].casefold() for found in islice(_HASHTAG.finditer(text), _MOST_READ))
    mentions = islice(post.mentions or (), _MOST_READ)
    return (*_keys(key, b"mention", mentions), *_keys(key, b"hashtag", hashtags))


def _keys(key: Keyring, kind: bytes, values: Iterable[str]) -> tuple[int, ...]:
    different = islice(dict.fromkeys(values), MOST_OF_A_KIND)
    return tuple(hash_number(key.hash_item(kind, value)) for value in different)


def same_link(link: str) -> str | None:
    """Return a link without what changes from copy to copy: scheme, "www.", tracking parameters and fragment.

    A fragment that is a path, as of pages that a script shows, stays. None where there is no host.
    """
    place, _, fragment = link.strip().partition("#")
    place, _, query = place.partition("?")
    host, slash, path = place.rpartition("://")[2].partition("/")
    if not host:
        return None
    kept = sorted(part for part in query.split("&") if part and not _TRACKING.match(part.lower()))
    shown = f"#{fragment}" if fragment.startswith(("/", "!")) else ""
    return f"{host.lower().removeprefix('www.')}{slash}{path}".rstrip("/") + "?" + "&".join(kept) + shown
