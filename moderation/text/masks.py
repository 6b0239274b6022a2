"""What is not the writer's own prose becomes one fixed word each."""

from __future__ import annotations

import re
import unicodedata

_URL = re.compile(r"(?:https?://|www\.)[^\s`]+", re.IGNORECASE)
_MENTION = re.compile(r"(?<![\w@])@\w+")
_JOINERS = "\u200c\u200d"
_FENCED = re.compile(r"```.*?```", re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`]{1,200})`(?!`)")
_SHORT_CODE = 4
_MASK_WORDS = re.compile(r"(?<!\S)(?:code|quote|http|@user)(?!\S)")
_OPENS_A_QUOTE = "\"'“‘«‹„([*@#`"


def without_addresses(text: str) -> str:
    """Return *text* with every URL as ``http`` and every mention as ``@user``: nobody is known by whom they name."""
    text = _URL.sub("http", text)
    pieces: list[str] = []
    done = 0
    for mention in _MENTION.finditer(text):
        if mention.start() < done:
            continue
        pieces += (text[done : mention.start()], "@user")
        done = _end_of_name(text, mention.end())
    return "".join((*pieces, text[done:]))


def _end_of_name(text: str, position: int) -> int:
    """Where the name that goes on at *position* ends: vowel signs and joiners are no word characters to `re`."""
    while position < len(text) and (
        text[position].isalnum() or text[position] in "_" + _JOINERS or unicodedata.category(text[position])[0] == "M"
    ):
        position += 1
    return position


def without_quotes(text: str) -> str:
    """Return *text*, whose addresses are masked, with each block of lines that begin with ``>`` as ``quote``.

    Where the other lines say nothing but masks, the quote is all there is to read and stays.
    """
    if ">" not in text:
        return text
    lines = text.splitlines()
    quoted = [_is_quoted(line) for line in lines]
    if not any(_says_more(line) for line, is_quote in zip(lines, quoted, strict=True) if not is_quote):
        return text
    kept: list[str] = []
    for number, line in enumerate(lines):
        if not quoted[number]:
            kept.append(line)
        elif number == 0 or not quoted[number - 1]:
            kept.append("quote")
    return "\n".join(kept)


def without_code(text: str) -> str:
    """Return *text*, whose addresses are masked, with fenced blocks, and inline code of four characters and more, as
    the word ``code``.

    An opening fence that is never closed, and a backtick without a partner within 200 characters, are plain
    characters. Where there is nothing else but masks, the code is all there is to read and stays.
    """
    if "`" not in text:
        return text
    masked = _INLINE.sub(lambda code: code[0] if len(code[1]) < _SHORT_CODE else " code ", _FENCED.sub(" code ", text))
    return masked if _says_more(masked) else text


def _is_quoted(line: str) -> bool:
    bare = line.lstrip()
    if not bare.startswith(">"):
        return False
    said = bare.lstrip("> \t")
    # Arrows and faces such as >.< or >:( begin with the sign too.
    return not said or said[0].isalnum() or said[0] in _OPENS_A_QUOTE


def _says_more(text: str) -> bool:
    return any(map(str.isalpha, _MASK_WORDS.sub("", text)))
