"""The one normalisation that training, export and scoring share."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from moderation.text.compatibility import dressed_letters
from moderation.text.confusables import folded
from moderation.text.invisible import swept
from moderation.text.marks import any_marks, capped, unstacked
from moderation.text.masks import without_addresses, without_code, without_paragraphs_of_code, without_quotes
from moderation.text.overrides import as_displayed
from moderation.text.tampering import Tampering

_SURROGATES = re.compile("[\ud800-\udfff]")
_LONG_RUN = re.compile(r"([^a-zA-Z0-9\s])\1{3,}")
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
    """Return what a reader sees of *text*, in one form, and how much had been hidden in it.

    In this order: lone surrogates become U+FFFD, a braille blank outside braille a blank; what is stored backwards
    stands as it is shown; invisible characters go, unless they spell something; NFKC; stacked combining marks go; a
    punctuation mark repeated four times or more stands three times; URLs become ``http``, mentions ``@user``, quoted
    lines ``quote`` (or lose their sign where they are what is published), code ``code`` (in fences, in backticks and in
    paragraphs thick with its signs); Latin words spoofed with letters of other scripts are Latin again; each run of
    white space becomes one blank. Letters that somebody repeats stay: that is spelling.
    Takes time linear in the length of *text*, whatever is in it; once more changes nothing, but for pieces
    that a mask uncovers in texts made for it (five of 230 000). Raises nothing.
    """
    if text.isascii():
        seen = swept(text)
        n_letters = len(seen.text.encode("ascii").translate(None, _NO_ASCII_LETTER))
        return Normalised(_masked(seen.text), Tampering(n_letters, invisible=seen.invisible))
    seen = swept(as_displayed(_BRAILLE_BLANK.sub(" ", _SURROGATES.sub("\ufffd", text))))
    dressed = dressed_letters(seen.text)
    clean, marks = _composed(seen.text)
    final, confusables = folded(_masked(clean))
    for _ in range(_MOST_ROUNDS):
        # A mark changes hands when the letter before it is masked or replaced; then it is weighed and composed anew.
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
    text = without_paragraphs_of_code(without_quotes(without_addresses(_LONG_RUN.sub(_three, text))))
    masked = " ".join(without_code(" ".join(text.split())).split())
    # Paragraphs that are one by one too short to tell can be code together; this is also what makes it stay.
    return without_paragraphs_of_code(masked)


def _three(run: re.Match[str]) -> str:
    mark = run[1]
    return mark * 3 if mark.isascii() or unicodedata.category(mark).startswith("P") else run[0]
