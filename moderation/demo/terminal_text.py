"""A stranger's text on one's own terminal: shown, never obeyed."""

from __future__ import annotations

import unicodedata

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def terminal_safe(text: str, width: int) -> str:
    """Return at most *width* characters on one line, without control, formatting or bidirectional characters."""
    shown = " ".join("".join(" " if unicodedata.category(sign) in _INVISIBLE else sign for sign in text).split())
    return shown if len(shown) <= width else shown[: width - 1].rstrip() + "…"
