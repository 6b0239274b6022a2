"""Latin letters in styles that NFKC keeps: enclosed ones that browsers draw as emoji, and small capitals."""

from __future__ import annotations

import re

_ENCLOSED = {
    **{0x1F150 + number: ord("A") + number for number in range(26)},  # negative circled
    **{0x1F170 + number: ord("A") + number for number in range(26)},  # negative squared
}
_REGIONAL_RUN = re.compile("[\U0001f1e6-\U0001f1ff]+")
_REGIONAL = {0x1F1E6 + number: ord("A") + number for number in range(26)}
_FLAG_LETTERS = 2
_OVERLAYS = re.compile("[\u0305\u0332\u0333\u0334-\u0338\u033f]")
_SMALL_CAPITALS = dict(zip(map(ord, "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ"), "abcdefghijklmnoprstuvwyz", strict=True))
_SMALL_CAPITAL = re.compile("[ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ]")
_WORD = re.compile(r"\w+")


def without_overlays(text: str) -> str:
    """Return *text* without the combining marks that draw a line through, under or over a letter."""
    return _OVERLAYS.sub("", text)


def unstyled(text: str) -> str:
    """Return *text* with styled letters as plain ones.

    Regional indicators in pairs are flags and are kept, unless other runs of them spell words. Small capitals become
    plain letters in words that mostly consist of them, because phonetic transcriptions use single ones.
    """
    if text.isascii():
        return text
    text = text.translate(_ENCLOSED)
    if any(len(run) != _FLAG_LETTERS for run in _REGIONAL_RUN.findall(text)):
        text = text.translate(_REGIONAL)
    return _WORD.sub(_plain, text) if _SMALL_CAPITAL.search(text) else text


def _plain(word: re.Match[str]) -> str:
    small = sum(ord(letter) in _SMALL_CAPITALS for letter in word[0])
    return word[0].translate(_SMALL_CAPITALS) if small >= 2 and 2 * small >= len(word[0]) else word[0]
