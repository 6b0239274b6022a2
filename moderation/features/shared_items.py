"""What posts of several accounts can have in common: a nearly equal text, a link, a mention or a hashtag."""

from __future__ import annotations

import re

from moderation.events import Post
from moderation.state.identifiers import item_number
from moderation.text.bands import band_keys

LEAST_WORDS = 8
"""A shorter text is often the same by chance."""
MOST_TARGETS = 4
"""Links, mentions and hashtags of one post that are compared."""
_MOST_CHARACTERS = 10_000
"""Longer texts are compared by their beginning."""
_TEXT_BANDS = 2
_TRACKING = re.compile(r"utm_|(?:fbclid|gclid|igsh|ref)(?:=|$)")
_LINK = re.compile(r"https?://[^\s<>\"')\]]+", re.IGNORECASE)
_HASHTAG = re.compile(r"(?<![\w&/#])#(\w*[^\W\d_]\w*)")


def text_items(post: Post) -> tuple[int, ...]:
    """Return the keys of a text without its links: nearly equal texts share one; none for a short text."""
    text = _LINK.sub(" ", post.text[:_MOST_CHARACTERS])
    if len(text.split(maxsplit=LEAST_WORDS)) < LEAST_WORDS:
        return ()
    return tuple(item_number(b"text", str(band)) for band in band_keys(text)[:_TEXT_BANDS])


def target_items(post: Post) -> tuple[int, ...]:
    """Return the keys of the first links, mentions and hashtags of a post, each once."""
    text = post.text[:_MOST_CHARACTERS]
    links = [*(post.urls or ()), *(found.rstrip(".,;:!?") for found in _LINK.findall(text))]
    named = [
        *((b"link", same_link(link)) for link in links),
        *((b"mention", name) for name in post.mentions or ()),
        *((b"hashtag", tag.casefold()) for tag in _HASHTAG.findall(_LINK.sub(" ", text))),
    ]
    return tuple(item_number(*one) for one in list(dict.fromkeys(named))[:MOST_TARGETS])


def same_link(link: str) -> str:
    """Return a link without what changes from copy to copy: scheme, "www.", tracking parameters and fragment."""
    place, _, query = link.partition("#")[0].partition("?")
    host, slash, path = place.rpartition("://")[2].partition("/")
    kept = sorted(part for part in query.split("&") if part and not _TRACKING.match(part.lower()))
    return f"{host.lower().removeprefix('www.')}{slash}{path}".rstrip("/") + "?" + "&".join(kept)
