"""How expected each word of a flagged text was to the companion, after GLTR (Gehrmann, Strobelt & Rush 2019)."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from moderation.text.terminal import shortened, visible_lines

if TYPE_CHECKING:
    from moderation.detector.companion import CompanionScore, TokenExpectation

_MOST_TEXT_BYTES = 65_536
# By how many entries of the vocabulary were held likelier. Not by colour: that is lost on some eyes and printers.
_STYLES = ((10, "dim"), (100, ""), (1000, "underline"), (math.inf, "bold underline"))
_REPEATED = "dim italic"
_LEGEND = (
    ("among the 10 it held likeliest", "dim"),
    ("among 100", ""),
    ("among 1000", "underline"),
    ("less likely", "bold underline"),
    ("repeats what stood before, counts in no figure", _REPEATED),
)
_UNLIKELY_RANK = 100
_LEAST_EXPECTED = 8
_SHOWN_WIDTH = 30


@dataclass(frozen=True)
class ExpectedWords:
    """The normalised text that the companion read, and what it says of it."""

    text: str
    score: CompanionScore

    def as_json(self) -> dict[str, Any]:
        """Return the figures and each token with its part of the text."""
        return {
            "features": {
                name: None if math.isnan(value) else value
                for name, value in dataclasses.asdict(self.score.features).items()
            },
            "tokens": [
                {"text": self.text[token.start : token.end], **dataclasses.asdict(token)} for token in self.score.tokens
            ],
        }


def expected_words(text: str) -> ExpectedWords:
    """Return what the shipped companion says of *text* now; which detector raised the flag makes no difference.

    Raises BundleError.
    """
    from moderation.detector.companion import load_companion
    from moderation.detector.sections import seen_of

    (score,) = load_companion(threads=1, max_text_bytes=_MOST_TEXT_BYTES).score([text])
    return ExpectedWords(seen_of(text, _MOST_TEXT_BYTES)[0].text, score)


def print_words(console: Console, words: ExpectedWords) -> None:
    """The text as it was read, each word in the style of its rank, and in words what the styles show."""
    tokens = words.score.tokens
    if not tokens:
        console.print(Text("\nhow expected its words were: the text is too short to say", style="dim"))
        return
    console.print(
        Text(
            "\nhow expected each word was to a language model, as the text was read (no flag rests on this alone):",
            style="dim",
        )
    )
    console.print(Text(", ").join(Text(meaning, style) for meaning, style in _LEGEND))
    shown, end = Text(), 0
    for token in tokens:
        shown.append(visible_lines(words.text[end : token.start]), "dim")
        piece = words.text[max(end, token.start) : token.end]
        blank = len(piece) - len(piece.lstrip())  # a token may begin with the blank before it
        shown.append(visible_lines(piece[:blank])).append(visible_lines(piece[blank:]), _style(token))
        end = max(end, token.end)
    shown.append(visible_lines(words.text[end:]), "dim")
    console.print(shown)
    named = ", ".join(f"“{shortened(word, _SHOWN_WIDTH)}”" for word in _least_expected(words))
    console.print(Text(f"least expected: {named or 'no word was unlikely'}", style="dim"))


def _least_expected(words: ExpectedWords) -> list[str]:
    """The words with the least likely parts (a token may be a part of a word alone), if these were unlikely."""
    unlikely = [token for token in words.score.tokens if token.rank >= _UNLIKELY_RANK and not token.repeated]
    unlikely.sort(key=lambda token: token.log_probability)
    found = dict.fromkeys(_word_around(words.text, token) for token in unlikely)
    return [word for word in found if word][:_LEAST_EXPECTED]


def _word_around(text: str, token: TokenExpectation) -> str:
    piece = text[token.start : token.end].rstrip()
    if not piece:
        return ""
    end = token.start + len(piece)
    goes_on = end < len(text) and not text[end].isspace()
    return text[:end].rsplit(None, 1)[-1] + (text[end:].split(None, 1)[0] if goes_on else "")


def _style(token: TokenExpectation) -> str:
    return _REPEATED if token.repeated else next(style for below, style in _STYLES if token.rank < below)
