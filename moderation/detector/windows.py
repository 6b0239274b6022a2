"""Computes the bounds of the sections of a long text."""

from __future__ import annotations

_OVERLAP = 0.25


def windows(n_tokens: int, most: int) -> list[tuple[int, int]]:
    """Return (begin, end) of the fewest sections of at most *most* tokens that cover every token.

    Neighbours overlap by at least a quarter of a section, so that every sentence is complete in one of them, and all
    sections of a text have the same length to within a token. Returns an empty list for no tokens.
    """
    if n_tokens <= 0:
        return []
    if n_tokens <= most:
        return [(0, n_tokens)]
    overlap = int(most * _OVERLAP)
    count = -(-(n_tokens - overlap) // (most - overlap))
    last = n_tokens - most
    begins = [round(number * last / (count - 1)) for number in range(count)]
    return [(begin, begin + most) for begin in begins]
