"""Makes untrusted text safe for a terminal, a log or a page: control and format characters are escaped or marked."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import groupby

_ACTING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: controls (escape sequences), formatting (bidirectional, zero width), surrogates, unassigned."""


def visible(text: str) -> str:
    """Return *text* with such characters as `\\u{1b}`. Not reversible, because a backslash is not escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"\\u{{{ord(sign):x}}}" if unicodedata.category(sign) in _ACTING else sign for sign in text)


def visible_lines(text: str) -> str:
    """Return `visible` text with unescaped line feeds."""
    return "\n".join(visible(line) for line in text.split("\n"))


def shortened(text: str, width: int) -> str:
    """Return `visible` text on one line, of at most *width* characters."""
    shown = visible(text[: width + 1])
    return shown if len(shown) <= width else shown[: width - 1] + "…"


def runs(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the text in runs, each with whether it consists of such characters; line feeds and tabs are none."""
    if text.isascii() and text.isprintable():
        yield text, False
        return
    for acts, signs in groupby(text, lambda sign: sign not in "\n\t" and unicodedata.category(sign) in _ACTING):
        yield "".join(signs), acts
