"""Crops the texts that the n-grams are fitted on: the beginning, and a random crop as short as sections of posts.

Some crops are of the text after an attack, for human and machine texts alike, as in the training of the encoder.
"""

from __future__ import annotations

from dataclasses import replace

from moderation.lab.detector.attacked import attacked_text
from moderation.lab.textdata.partition import keyed_fraction
from moderation.lab.textdata.rows import TextRow
from moderation.text import normalise

MAX_CHARACTERS = 600
"""About the length of 126 tokens of English, the longest crop of the encoder."""
_MIN_CHARACTERS = 40
ATTACKED_SHARE = 0.25


def whole_and_crop(row: TextRow, seed: int) -> tuple[TextRow, TextRow] | tuple[()]:
    """Return *row* twice, its text normalised: up to 600 characters, and a random crop of 40 to 600.

    The crop, and whether an attack is applied, depend only on the seed and the id of the row. The length is
    log-uniform, because most posts are short. Returns an empty tuple when the normalised text is empty.
    """
    whole = normalise(row.text)
    attacked = keyed_fraction(row.id, f"n-gram attack {seed}") < ATTACKED_SHARE
    text = normalise(attacked_text(row)) if attacked else whole
    if not whole or not text:
        return ()
    share = keyed_fraction(row.id, f"n-gram crop length {seed}")
    length = min(len(text), round(_MIN_CHARACTERS * (MAX_CHARACTERS / _MIN_CHARACTERS) ** share))
    begin = int(keyed_fraction(row.id, f"n-gram crop begin {seed}") * (len(text) - length + 1))
    return replace(row, text=whole[:MAX_CHARACTERS]), replace(row, text=text[begin : begin + length])
