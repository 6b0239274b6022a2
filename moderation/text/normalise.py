"""The normalisation that training, export and scoring share."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from moderation.text.compatibility import dressed_letters
from moderation.text.confusables import folded
from moderation.text.invisible import swept
from moderation.text.marks import any_marks, capped, unstacked
from moderation.text.markup import (
    with_plain_punctuation,
    without_addresses,
    without_emphasis,
    without_entities,
    without_hashtags,
    without_line_marks,
    without_pictures,
    without_tags,
)
from moderation.text.masks import without_code, without_paragraphs_of_code, without_quotes
from moderation.text.overrides import as_displayed
from moderation.text.styled import unstyled, without_overlays
from moderation.text.tampering import Tampering

_SURROGATES = re.compile("[\ud800-\udfff]")
_LONG_RUN = re.compile(r"([^a-zA-Z0-9\s])\1{3,}")
_UNDERSCORES = re.compile(r"(?<=[\w.,;:!?)'\"])_+(?=[\w('\"])")
_LEAST_UNDERSCORES = 5
_NO_ASCII_LETTER = bytes(code for code in range(256) if not chr(code).isalpha() or code > 127)
# Each round takes something away; no text is known that needs a third.
_MOST_ROUNDS = 4
# Drawn as a blank; between other braille it is one.
_BRAILLE_BLANK = re.compile("(?<![\u2801-\u28ff\u2800])\u2800+(?![\u2801-\u28ff\u2800])")


@dataclass(frozen=True)
class Normalised:
    """The form of a text that is tokenised, and what had been hidden in it."""

    text: str
    tampering: Tampering


def normalise(text: str) -> str:
    """Return the form of *text* that is tokenised; as `normalised`, without the counts."""
    return normalised(text).text


def normalised(text: str) -> Normalised:
    """Return the prose that a reader sees in *text*, in one form, and how much was hidden in the text.

    In this order: lone surrogates become U+FFFD, a braille blank outside braille a blank; text stored backwards is
    put in display order; invisible characters are removed unless they spell something; NFKC; stacked combining marks
    are removed; a punctuation mark repeated four times or more is kept three times; entities and tags of HTML, links,
    mentions, custom emoji, quoted lines, code, list and heading marks, emphasis, hashtags and emoji are removed;
    quotation marks become straight ones and dashes commas; letters of other scripts in Latin words become Latin;
    white space is collapsed. Repeated letters stay: they are spelling. The time is linear in the length of *text*.
    """
    if text.isascii():
        seen = swept(text)
        n_letters = len(seen.text.encode("ascii").translate(None, _NO_ASCII_LETTER))
        return Normalised(_masked(seen.text), Tampering(n_letters, invisible=seen.invisible))
    seen = swept(as_displayed(_BRAILLE_BLANK.sub(" ", _SURROGATES.sub("\ufffd", text))))
    dressed = dressed_letters(seen.text)
    clean, marks = _composed(unstyled(seen.text))
    clean = without_overlays(clean)
    final, confusables = folded(_masked(clean))
    for _ in range(_MOST_ROUNDS):
        # A mark changes hands when the letter before it is masked or replaced; so marks are counted and composed again.
        if not any_marks(final):
            break
        before = final
        recomposed, dropped = _composed(before)
        final, replaced = folded(_masked(recomposed))
        marks, confusables = marks + dropped, confusables + replaced
        if final == before:
            break
    n_letters = sum(map(str.isalpha, clean))
    return Normalised(
        final, Tampering(n_letters, seen.invisible, seen.bidi_controls, seen.tags, dressed, confusables, marks)
    )


def _composed(text: str) -> tuple[str, int]:
    """NFKC without stacked marks, and without what NFKC or their absence made superfluous; the marks that went."""
    dropped = 0
    for _ in range(_MOST_ROUNDS):
        text, cut = capped(text)
        # A half-width voicing sign is a mark only in NFKC, so that a run can be too long once more.
        text, cut_again = capped(unicodedata.normalize("NFKC", text))
        text, unneeded = unstacked(text)
        dropped += cut + cut_again + unneeded
        seen = swept(text).text
        if seen == text and not unneeded:
            break
        text = seen
    return text, dropped


def _masked(text: str) -> str:
    """Return the prose in *text*; removing one thing can uncover another, so it is repeated until nothing changes."""
    for _ in range(_MOST_ROUNDS):
        before, text = text, _masked_once(text)
        if text == before:
            break
    return text


def _masked_once(text: str) -> str:
    text = without_tags(without_entities(_LONG_RUN.sub(_three, text)))
    text = without_paragraphs_of_code(without_quotes(without_addresses(_with_blanks(text))))
    text = " ".join(without_line_marks(text).split())
    text = without_emphasis(" ".join(without_code(text).split()))
    text = " ".join(without_pictures(without_hashtags(text)).split())
    return with_plain_punctuation(text)


def _with_blanks(text: str) -> str:
    """Return *text* with blanks for underscores where these separate its words."""
    if text.count("_") < max(_LEAST_UNDERSCORES, len(text.split()) - 1):
        return text
    return _UNDERSCORES.sub(" ", text)


def _three(run: re.Match[str]) -> str:
    mark = run[1]
    return mark * 3 if mark.isascii() or unicodedata.category(mark).startswith("P") else run[0]
