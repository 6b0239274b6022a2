"""Selects the spans of a text that are changed; the text between them is kept."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Container, Iterable, Sequence

Span = tuple[int, int]

_LINK = re.compile(r"(?:https?://|www\.)\S+|(?<![\w@])@\w+", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])[ \t]+(?=\S)")
_ARTICLE = re.compile(r"(?<![\w'’-])(?:the|an|a) (?=\w)", re.IGNORECASE)


def some_of(count: int, rate: float, rng: random.Random) -> list[int]:
    """Return a share *rate* of the indices below *count* in rising order; at least one if *count* is positive."""
    if count == 0:
        return []
    wanted = min(count, max(1, round(rate * count)))
    return sorted(rng.sample(range(count), wanted))


def change_some(text: str, spans: Sequence[Span], rate: float, rng: random.Random, new: Callable[[str], str]) -> str:
    """Return *text* with a share *rate* of the spans replaced by the result of *new*.

    *spans* are (start, end) in rising order without overlap; those inside a link or a mention are not changed.
    """
    free = _outside_links(text, spans)
    kept: list[str] = []
    reached = 0
    for index in some_of(len(free), rate, rng):
        start, end = free[index]
        kept += (text[reached:start], new(text[start:end]))
        reached = end
    kept.append(text[reached:])
    return "".join(kept)


def letters(text: str, allowed: Iterable[str] | None = None) -> list[Span]:
    """Return the span of every letter of *text*, or of every character in *allowed*."""
    if allowed is None:
        return [(at, at + 1) for at, character in enumerate(text) if character.isalpha()]
    held = frozenset(allowed)
    return [(at, at + 1) for at, character in enumerate(text) if character in held]


def matches(pattern: re.Pattern[str], text: str) -> list[Span]:
    """Return the span of every match of *pattern*."""
    return [found.span() for found in pattern.finditer(text)]


def sentence_ends(text: str) -> list[Span]:
    """Return the blanks after each sentence but the last."""
    return matches(_SENTENCE_END, text)


def articles(text: str) -> list[Span]:
    """Return the span of each English article with the next blank and first letter, so that a capital can move."""
    return [(start, end + 1) for start, end in matches(_ARTICLE, text)]


def without_article(found: str) -> str:
    """Return the first letter after an article that *articles* found, as a capital where the article had one."""
    return found[-1].upper() if found[0].isupper() else found[-1]


def whole_words(words: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that finds these words and phrases in any case, longest first, never inside a longer word."""
    longest_first = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    # The lookahead for a letter comes first: it avoids trying all alternatives at most positions.
    return re.compile(rf"(?<![\w'’-])(?=[^\W\d_])(?:{longest_first})(?![\w'’-])", re.IGNORECASE)


def known_words(pattern: re.Pattern[str], text: str, table: Container[str]) -> list[Span]:
    """Return the span of each match of *pattern*, made by `whole_words`, that is in *table* in small letters.

    The table is checked because the pattern, which ignores case, also matches a few letters outside ASCII, such as
    the long s.
    """
    return [found.span() for found in pattern.finditer(text) if found[0].lower() in table]


def in_the_case_of(model: str, word: str) -> str:
    """Return *word* in capitals or with a first capital, as in *model*."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word


def _outside_links(text: str, spans: Sequence[Span]) -> Sequence[Span]:
    links = matches(_LINK, text)
    if not links:
        return spans
    free: list[Span] = []
    at = 0
    for start, end in spans:
        while at < len(links) and links[at][1] <= start:
            at += 1
        if at == len(links) or end <= links[at][0]:
            free.append((start, end))
    return free
