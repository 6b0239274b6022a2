"""Strangers' text for a terminal or a log: every character that could act instead of being read is spelled out."""

from __future__ import annotations

import unicodedata

_ACTING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: controls (escape sequences), formatting (bidirectional, zero width), surrogates, unassigned."""


def visible(text: str) -> str:
    """The text with such characters as `\\u{1b}`. For eyes, not for programs: a backslash stays as it is."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"\\u{{{ord(sign):x}}}" if unicodedata.category(sign) in _ACTING else sign for sign in text)


def visible_lines(text: str) -> str:
    """As `visible`, but line feeds stay line feeds."""
    return "\n".join(visible(line) for line in text.split("\n"))


def shortened(text: str, width: int) -> str:
    """As `visible`, at most `width` characters on one line."""
    shown = visible(text[: width + 1])
    return shown if len(shown) <= width else shown[: width - 1] + "…"
