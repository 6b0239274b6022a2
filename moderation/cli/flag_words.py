"""How expected each word of a flagged text was to the companion, after GLTR (Gehrmann, Strobelt & Rush 2019)."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from moderation.text.terminal import shortened, visible, visible_lines

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
    """The normalised text that the *companion* read, by name and hash, and what it says of it."""

    companion: str
    text: str
    score: CompanionScore

    def as_json(self) -> dict[str, Any]:
        """Return who was asked, the figures, and each token with its part of the text."""
        return {
            "companion": self.companion,
            "truncated": self.score.truncated,
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

    companion = load_companion(threads=1, max_text_bytes=_MOST_TEXT_BYTES)
    (score,) = companion.score([text])
    name = f"{companion.manifest.name} ({companion.manifest_hash[:12]})"
    return ExpectedWords(name, seen_of(text, _MOST_TEXT_BYTES)[0].text, score)


def print_words(console: Console, words: ExpectedWords) -> None:
    """The text as it was read, each word in the style of its rank, and in words what the styles show."""
    tokens = words.score.tokens
    if not tokens:
        console.print(Text("\nhow expected its words were: the companion says nothing of this text", style="dim"))
        return
    console.print(
        Text(f"\nhow expected each word was to a language model, {words.companion}; no flag rests on this alone:")
    )
    console.print(Text(", ").join(Text(meaning, style) for meaning, style in _LEGEND))
    shown, end = Text(), 0
    for token in tokens:
        shown.append(_unread(words.text[end : token.start]))
        piece = words.text[max(end, token.start) : token.end]
        blank = len(piece) - len(piece.lstrip())  # a token may begin with the blank before it
        shown.append(visible_lines(piece[:blank])).append(visible_lines(piece[blank:]), _style(token))
        end = max(end, token.end)
    console.print(shown.append(_unread(words.text[end:])))
    if math.isnan(words.score.features.mean_log_probability):
        console.print(Text("too little of it is new to say more", style="dim"))
        return
    named = ", ".join(f"“{word}”" for word in _least_expected(words))
    console.print(Text(f"least expected: {named or 'no word was unlikely'}", style="dim"))


def _unread(text: str) -> str:
    """What stands between tokens: nothing or a blank, or in a long text what the companion did not read."""
    return f" [not read: {visible_lines(text.strip())}] " if text.strip() else visible_lines(text)


def _least_expected(words: ExpectedWords) -> list[str]:
    """The words with the least likely parts (a token may be a part of a word alone), if these were unlikely."""
    unlikely = [token for token in words.score.tokens if token.rank >= _UNLIKELY_RANK and not token.repeated]
    unlikely.sort(key=lambda token: token.log_probability)
    found = dict.fromkeys(_word_around(words.text, token) for token in unlikely)
    return [word for word in found if word][:_LEAST_EXPECTED]


def _word_around(text: str, token: TokenExpectation) -> str:
    """The word that the token is a part of; of one that is too long to show, what stands around the token."""
    piece = text[token.start : token.end].strip()
    if not piece:
        return ""
    end = token.start + len(text[token.start : token.end].rstrip())
    before = text[: end - len(piece)]
    before = "" if not before or before[-1].isspace() else before.rsplit(None, 1)[-1]
    after = "" if end == len(text) or text[end].isspace() else text[end:].split(None, 1)[0]
    room = max(0, _SHOWN_WIDTH - len(piece)) // 2
    if len(before) + len(piece) + len(after) > _SHOWN_WIDTH:
        before = before if len(before) <= room else "…" + before[len(before) - room :]
        after = after if len(after) <= room else after[:room] + "…"
    return visible(before + shortened(piece, _SHOWN_WIDTH) + after)


def _style(token: TokenExpectation) -> str:
    return _REPEATED if token.repeated else next(style for below, style in _STYLES if token.rank < below)
