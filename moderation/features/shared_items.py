"""What posts of several accounts can have in common: a nearly equal text, a link, a mention or a hashtag."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain, islice

from moderation.events import Post
from moderation.state import Keyring
from moderation.text.bands import band_keys_of_words, words_of

LEAST_WORDS = 8
"""A shorter text is often the same by chance."""
MOST_OF_A_KIND = 2
"""Links, mentions and hashtags of one post that are compared, of each kind."""
_MOST_CHARACTERS = 10_000
"""Longer texts are compared by their beginning."""
_TEXT_BANDS = 2
_MOST_READ = 20
_TRACKING = re.compile(r"utm_|(?:fbclid|gclid|igsh|ref|si)(?:=|$)")
_SCHEME = "://"
"""Part of every link; where it is not in a text, the text is not searched."""
_LINK = re.compile(r"https?://[^\s<>\"')\]]+", re.IGNORECASE)
_HASHTAG = re.compile(r"(?<![\w&/#])#(\w*[^\W\d_]\w*)")


def text_items(posts: Sequence[Post], key: Keyring) -> list[tuple[int, ...]]:
    """Return the keys of each text without its links: nearly equal texts share one; none for a short text."""
    words = [words_of(_without_links(post.text[:_MOST_CHARACTERS])) for post in posts]
    long = [number for number, found in enumerate(words) if len(found) >= LEAST_WORDS]
    items: list[tuple[int, ...]] = [()] * len(posts)
    for number, bands in zip(long, band_keys_of_words([words[number] for number in long], _TEXT_BANDS), strict=True):
        items[number] = tuple(key.item_number(b"text", str(band)) for band in bands)
    return items


def link_items(post: Post, key: Keyring) -> tuple[int, ...]:
    """Return the keys of the first links of a post."""
    text = post.text[:_MOST_CHARACTERS]
    if not post.urls and _SCHEME not in text:
        return ()
    written = (found[0].rstrip(".,;:!?") for found in _LINK.finditer(text))
    links = (same_link(link) for link in islice(chain(post.urls or (), written), _MOST_READ))
    return _keys(key, b"link", (link for link in links if link is not None))


def name_items(post: Post, key: Keyring) -> tuple[int, ...]:
    """Return the keys of the first mentions and hashtags of a post."""
    mentions = _keys(key, b"mention", islice(post.mentions or (), _MOST_READ))
    text = post.text[:_MOST_CHARACTERS]
    if "#" not in text:
        return mentions
    hashtags = (found[1].casefold() for found in islice(_HASHTAG.finditer(_without_links(text)), _MOST_READ))
    return (*mentions, *_keys(key, b"hashtag", hashtags))


def _without_links(text: str) -> str:
    return _LINK.sub(" ", text) if _SCHEME in text else text


def _keys(key: Keyring, kind: bytes, values: Iterable[str]) -> tuple[int, ...]:
    different = islice(dict.fromkeys(values), MOST_OF_A_KIND)
    return tuple(key.item_number(kind, value) for value in different)


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
