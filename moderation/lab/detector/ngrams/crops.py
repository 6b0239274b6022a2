"""What the n-grams are fitted on: the beginning of a text, and a crop as short as the sections of posts are.

Some crops are of the text as an adversary would post it, people's texts like machines', as the encoder sees them.
"""

from __future__ import annotations

from dataclasses import replace

from moderation.lab.detector.attacked import attacked_text
from moderation.lab.textdata.partition import keyed_fraction
from moderation.lab.textdata.rows import TextRow
from moderation.text import normalise

MAX_CHARACTERS = 600
"""About what 126 tokens of English take, the longest crop of the encoder."""
_MIN_CHARACTERS = 40
ATTACKED_SHARE = 0.25


def whole_and_crop(row: TextRow, seed: int) -> tuple[TextRow, TextRow] | tuple[()]:
    """Return *row* twice, its text normalised: up to 600 characters, and a random crop of 40 to 600.

    The crop depends on the seed and the row's id alone, and so does whether it is of the attacked text. Short lengths
    are as likely as long ones on a scale of ratios: most posts are short. A text of which nothing is left is left out.
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
