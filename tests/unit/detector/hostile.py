"""Texts that are written to break or to stall a parser."""

from __future__ import annotations

HOSTILE = {
    "lone surrogates": "a\ud800b\udfff",
    "NUL": "nul\x00byte",
    "100k emoji": "🙂" * 100_000,
    "1 MB of words": "word " * 200_000,
    "1 MB of points": "!" * 1_000_000,
    "1 MB of combining marks": "e" + "\u0301\u0316" * 250_000,
}
