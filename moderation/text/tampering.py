"""Counts characters that make a text differ from what its reader sees."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tampering:
    """Counts of hidden characters in one text; all but *letters* are zero for genuine text.

    Not counted: emoji with their joiners, selectors and tags, joiners that spell Persian or Indic words, direction
    marks in a text with right-to-left letters, soft hyphens, a byte order mark, one or two invisible characters
    beside white space (editors and translation services leave them), ligatures, fractions and East Asian punctuation.
    """

    letters: int = 0
    """Number of letters of the displayed text, before masking; the reference for the other counts."""
    invisible: int = 0
    """Zero-width characters, variation selectors, fillers and control characters that were removed."""
    bidi_controls: int = 0
    """Directional marks, embeddings and isolates where none is needed, and all overrides."""
    tags: int = 0
    """Tag characters (U+E0000 to U+E007F) outside flags."""
    compatibility_letters: int = 0
    """Mathematical, enclosed and full-width letters in place of Latin ones, in runs of two and more."""
    confusables: int = 0
    """Letters of other scripts in place of Latin ones."""
    marks: int = 0
    """Combining marks stacked beyond the use of any language."""

    @property
    def altered(self) -> int:
        """Number of altered characters of all kinds."""
        return sum(self._counts())

    @property
    def share(self) -> float:
        """Altered characters per letter: 0 for an unaltered text, above 1 with more hidden than visible characters."""
        return self.altered / max(self.letters, 1)

    def in_words(self) -> str:
        """Return a sentence for reviewers on the altered characters; empty for an unaltered text."""
        found = [f"{count} {what}" for count, what in zip(self._counts(), _IN_WORDS, strict=True) if count]
        return f"Hidden in the text: {', '.join(found)}." if found else ""

    def _counts(self) -> tuple[int, ...]:
        return (
            self.confusables,
            self.compatibility_letters,
            self.invisible,
            self.bidi_controls,
            self.tags,
            self.marks,
        )


_IN_WORDS = (
    "letters of other scripts in place of Latin ones",
    "styled letters in place of plain ones",
    "invisible characters",
    "direction controls",
    "tag characters",
    "stacked accents",
)
UNTOUCHED = Tampering()
