"""How far a text differs from what its reader sees."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tampering:
    """What was hidden in one text, as counts of characters; all zero but *letters* for genuine writing.

    Not counted: emoji with their joiners, selectors and tags, joiners that spell Persian or Indic words, direction
    marks in a text with right-to-left letters, soft hyphens, a byte order mark, one or two invisible characters
    beside white space (editors and translation services leave them), ligatures, fractions and East Asian punctuation.
    """

    letters: int = 0
    """Letters of the text as it is read, before anything is masked: what the counts are to be compared with."""
    invisible: int = 0
    """Zero-width characters, variation selectors, fillers and control characters that were removed."""
    bidi_controls: int = 0
    """Directional marks, embeddings, isolates and overrides where none is needed, and overrides anywhere."""
    tags: int = 0
    """Tag characters (U+E0000 to U+E007F) outside the flags that are spelled with them."""
    compatibility_letters: int = 0
    """Mathematical, enclosed and full-width letters that stood for Latin ones, in runs of two and more."""
    confusables: int = 0
    """Letters of other scripts that stood for Latin ones."""
    marks: int = 0
    """Combining marks that were stacked beyond what any language writes."""

    @property
    def altered(self) -> int:
        """All characters that were put there to be misread, of every kind."""
        return sum(self._counts())

    @property
    def share(self) -> float:
        """Altered characters per letter: 0 for an untouched text, above 1 where more is hidden than is read."""
        return self.altered / max(self.letters, 1)

    def in_words(self) -> str:
        """Return a sentence for reviewers about what was found; empty for an untouched text."""
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
