"""The one normalisation that training, export and scoring share."""

from __future__ import annotations

import re
import unicodedata

# A run of combining marks longer than this is decoration or an attack (UAX #15's stream-safe format allows 30,
# no living script needs more than a handful). Capping it first also keeps NFKC linear: its canonical ordering
# is an insertion sort within one run.
_MARKS_IN_A_RUN = 8

_SURROGATES = re.compile("[\ud800-\udfff]")
_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_MENTION = re.compile(r"(?<![\w@])@\w+")
_CAMOUFLAGE = "".join(
    (
        "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f",
        "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb",
        "\U0001d173-\U0001d17a\U000e0000-\U000e0fff",
    )
)
_INVISIBLE = re.compile(f"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f{_CAMOUFLAGE}]")


def normalise(text: str) -> str:
    """Return the form of *text* that is tokenised: what a reader sees, free of invisible characters.

    NFKC; control, zero-width, bidi, tag and variation characters removed; lone surrogates become U+FFFD;
    URLs become ``http`` and mentions ``@user``, so that nobody is recognised by whom they name; each run of
    white space becomes one blank. Takes time linear in the length of *text*, whatever is in it. Raises nothing.
    """
    if not text.isascii():
        text = _SURROGATES.sub("\ufffd", text)
        text = _INVISIBLE.sub("", text)
        text = unicodedata.normalize("NFKC", _cap_marks(text))
    text = _INVISIBLE.sub("", text)
    text = _URL.sub("http", text)
    text = _MENTION.sub("@user", text)
    return " ".join(text.split())


def _cap_marks(text: str) -> str:
    """Cut every run of combining marks to its first few."""
    kept: list[str] = []
    run = 0
    combining = unicodedata.combining
    for character in text:
        run = run + 1 if combining(character) else 0
        if run <= _MARKS_IN_A_RUN:
            kept.append(character)
    return "".join(kept)
