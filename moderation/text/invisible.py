"""Characters that no reader sees: which of them spell something, and which hide something."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from moderation.text.scripts import script

_CAMOUFLAGE = "".join(
    (
        "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f",
        "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb",
        "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff",
    )
)
_INVISIBLE = re.compile(f"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f{_CAMOUFLAGE}]+")

_ZWSP, _ZWNJ, _ZWJ = "\u200b", "\u200c", "\u200d"
_SOFT_HYPHEN = "\u00ad"
_EMOJI_OR_TEXT = re.compile("[\ufe0e\ufe0f]")
_SELECTOR = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_MONGOLIAN_SELECTOR = re.compile("[\u180b-\u180f]")
_TAG = re.compile("[\U000e0000-\U000e007f]")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_DIRECTION_MARK = re.compile("[\u061c\u200e\u200f]")
_OVERRIDE = re.compile("[\u202d\u202e]")
_BLACK_FLAG = "\U0001f3f4"
_REGION = re.compile("[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_KEYCAP = "\u20e3"
# Editors leave one zero-width space in an empty line, translation services two before a word; typists double a joiner.
_LEFT_OVER = 2
_KEYS = "0123456789#*"

# Where a joiner or non-joiner between two letters is spelling (Unicode 15.1, chapters 9, 12, 13 and 16).
_JOINING = frozenset(
    {"ARABIC", "SYRIAC", "MONGOLIAN", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU"}
    | {"KANNADA", "MALAYALAM", "SINHALA", "KHMER", "MYANMAR", "TIBETAN"}
)
# Written without blanks, so that a zero-width space between words is where a line may break.
_UNSPACED = frozenset({"THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN"})


@dataclass(frozen=True)
class Swept:
    """A text without its hidden characters, and how many of each kind hid something."""

    text: str
    invisible: int = 0
    bidi_controls: int = 0
    tags: int = 0


def swept(text: str) -> Swept:
    """Return *text* without the characters that no reader sees, unless they spell something.

    Kept: selectors, joiners and flag tags of emoji; joiners between letters of one script that is spelled with them
    (Arabic, Mongolian, Indic); Mongolian selectors. Takes time linear in the length of *text*. Raises nothing.
    """
    if not _INVISIBLE.search(text):
        return Swept(text)
    hidden: list[str] = []
    unseen = tags = 0

    def kept(run: re.Match[str]) -> str:
        nonlocal unseen, tags
        before, after = text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]
        spelled = _spelled(before, run[0], after)
        rest = run[0][spelled:]
        if not (_DIRECTION_MARK.fullmatch(rest) and _at_an_edge(before, after)):
            hidden.extend(_BIDI.findall(rest))
        rest = _BIDI.sub("", rest)
        tags += len(_TAG.findall(rest))
        rest = _TAG.sub("", rest).replace(_SOFT_HYPHEN, "")
        if rest and not _harmless(before, rest, after):
            unseen += len(rest)
        return run[0][:spelled]

    clean = _INVISIBLE.sub(kept, text)
    if hidden and any(unicodedata.bidirectional(character) in ("R", "AL") for character in clean):
        hidden = [control for control in hidden if _OVERRIDE.match(control)]
    return Swept(clean, unseen, len(hidden), tags)


def _spelled(before: str, run: str, after: str) -> int:
    """How many characters at the beginning of an invisible run belong to what is read."""
    if not before:
        return 0
    if before == _BLACK_FLAG and (flag := _REGION.match(run)):
        return flag.end()
    selectors = 0
    if _EMOJI_OR_TEXT.match(run) and (_pictured(before) or (before in _KEYS and after == _KEYCAP and len(run) == 1)):
        selectors = 1
    if run[selectors:] == _ZWJ and (_pictured(before) or before == _KEYCAP) and after and _pictured(after):
        return len(run)
    if selectors or len(run) > 1:
        return selectors
    if _MONGOLIAN_SELECTOR.match(run) and script(before) == "MONGOLIAN":
        return 1
    joined = script(before) in _JOINING and (
        _ends_in_virama(before) or (after != "" and script(after) == script(before))
    )
    return int(run in (_ZWNJ, _ZWJ) and joined)


def _ends_in_virama(sign: str) -> bool:
    """A joiner after a virama spells at a word's end too: Malayalam's older chillu letters."""
    return unicodedata.combining(sign) == 9


def _at_an_edge(before: str, after: str) -> bool:
    return not before or not after or before.isspace() or after.isspace()


def _harmless(before: str, run: str, after: str) -> bool:
    """Whether these invisible characters hide nothing where they stand."""
    if _at_an_edge(before, after):
        return len(run) <= _LEFT_OVER
    if run == _ZWSP * len(run):
        return script(before) in _UNSPACED or script(after) in _UNSPACED
    if (
        len(run) <= _LEFT_OVER
        and set(run) <= {_ZWNJ, _ZWJ}
        and (script(before) in _JOINING or script(after) in _JOINING)
    ):
        return True
    if len(run) > 1:
        return False
    if _SELECTOR.match(run):
        return not before.isalpha() or script(before) == "CJK"
    return run == _ZWJ and (_pictured(before) or _pictured(after))


def _pictured(character: str) -> bool:
    """Whether it can be an emoji; what this Python's Unicode does not know yet may be one."""
    return not character.isascii() and unicodedata.category(character) in ("So", "Sk", "Sm", "Cn")
