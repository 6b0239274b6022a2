"""Changes around a text or of its extent: its words stay in order."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from moderation.lab.attacks.attack import Attack, random_for
from moderation.lab.attacks.human_snippets import CLOSINGS, OPENINGS

TRUNCATED_WORDS = 12
QUOTES = (('"', '"'), ("“", "”"), ("«", "»"), ("'", "'"), ("‘", "’"))

_WORD = re.compile(r"\S+")


def split_over_posts(text: str, rng: random.Random, pieces: int) -> tuple[str, ...]:
    """Return *text* cut between words into *pieces* posts of roughly equal length, in their order.

    Only the blanks at the cuts are lost. A text with fewer words gives one post per word; one without words is
    returned as the only post. *pieces* is at least 1.
    """
    words = [found.span() for found in _WORD.finditer(text)]
    if pieces < 2 or len(words) < 2:
        return (text,)
    pieces = min(pieces, len(words))
    firsts = [0]
    for piece in range(1, pieces):
        even = len(words) * piece // pieces
        slack = len(words) // (4 * pieces)
        firsts.append(even + rng.randint(-slack, slack))
    lasts = [*(first - 1 for first in firsts[1:]), len(words) - 1]
    return tuple(text[words[first][0] : words[last][1]] for first, last in zip(firsts, lasts, strict=True))


@dataclass(frozen=True)
class Split:
    """A named split of one text into several posts, each of which is scored separately."""

    name: str
    pieces: int
    what: str

    def apply(self, text: str, seed: int | str) -> tuple[str, ...]:
        """Return the posts in their order; the same name, seed and text give the same posts. Never raises."""
        return split_over_posts(text, random_for(self.name, seed, text), self.pieces)


def _human_prefix(text: str, rng: random.Random, _rate: float) -> str:
    return f"{rng.choice(OPENINGS)}{rng.choice((' ', chr(10), chr(10) * 2))}{text}"


def _human_suffix(text: str, rng: random.Random, _rate: float) -> str:
    return f"{text}{rng.choice((' ', chr(10), chr(10) * 2))}{rng.choice(CLOSINGS)}"


def _reply(text: str, _rng: random.Random, _rate: float) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


def _quoted(text: str, rng: random.Random, _rate: float) -> str:
    first, last = rng.choice(QUOTES)
    return f"{first}{text}{last}"


def _truncated(text: str, _rng: random.Random, _rate: float) -> str:
    for number, word in enumerate(_WORD.finditer(text), start=1):
        if number == TRUNCATED_WORDS:
            return text[: word.end()]
    return text


FRAMING_ATTACKS: tuple[Attack, ...] = (
    Attack("human_prefix", 1.0, "text", "A casual human remark is added before the text.", _human_prefix),
    Attack("human_suffix", 1.0, "text", "A casual human remark is added after the text.", _human_suffix),
    Attack("quoted_reply", 1.0, "text", "Every line is marked as quoted from another post, with “> ”.", _reply),
    Attack("quotation_marks", 1.0, "text", "The text is enclosed in quotation marks.", _quoted),
    Attack("truncation", 1.0, "text", f"Only the first {TRUNCATED_WORDS} words are posted.", _truncated),
)

SPLITS: tuple[Split, ...] = (
    Split("split_in_two", 2, "The text is cut between words into two posts of about the same length."),
    Split("split_in_four", 4, "The text is cut between words into four posts of about the same length."),
)
