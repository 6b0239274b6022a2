"""What is not the writer's own prose becomes one fixed word each."""

from __future__ import annotations

import re
import unicodedata

_URL = re.compile(r"(?:https?://|www\.)[^\s`]+", re.IGNORECASE)
_MENTION = re.compile(r"(?<![\w@])@\w+")
_JOINERS = "\u200c\u200d"
_FENCED = re.compile(r"```.*?```", re.DOTALL)
# A backtick after a letter is somebody's apostrophe, one beside a blank inside is a quotation mark.
_INLINE = re.compile(r"(?<![\w`])`(?!\s)([^`]{1,200})(?<!\s)`(?!`)")
_SHORT_CODE = 4
_PARAGRAPHS = re.compile(r"(\n[^\S\n]*\n\s*)")
_SIGNS_OF_CODE = frozenset(r"{}[]()<>=;|\$_*/+&^%#~")
_WITHOUT_SIGNS = str.maketrans("", "", "".join(sorted(_SIGNS_OF_CODE)))
# Prose has brackets, stars and faces; these it has not, or not among six signs of four kinds, one in nine characters.
_SURE_SIGNS = frozenset("{};=")
_LEAST_SIGNS = 6
_LEAST_KINDS = 4
_MOST_CHARACTERS_PER_SIGN = 9
_QUOTATION = re.compile(r"\s*>[>\s]*")
# A post with fewer letters of its own, by this factor, publishes what it quotes: else a remark would hide any text.
_QUOTED_PER_OWN = 2
_MASK_WORDS = re.compile(r"(?<!\w)(?:code|quote|http|@user)(?!\w)")
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

    Where the other lines have less than half the letters of the quote, masks apart, the quote is what is published
    and stays, without its signs: they say nothing about who wrote it.
    """
    if ">" not in text:
        return text
    lines = text.splitlines()
    quoted = [_is_quoted(line) for line in lines]
    letters = [_letters(line) for line in lines]
    of_quotes = sum(count for count, is_quote in zip(letters, quoted, strict=True) if is_quote)
    if not _has_its_own(sum(letters) - of_quotes, of_quotes):
        pairs = zip(lines, quoted, strict=True)
        return "\n".join(_QUOTATION.sub("", line, count=1) if is_quote else line for line, is_quote in pairs)
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
    characters. Where all else has less than half the letters of the code, masks apart, the code stays.
    """
    if "`" not in text:
        return text
    masked = _INLINE.sub(lambda code: code[0] if len(code[1]) < _SHORT_CODE else " code ", _FENCED.sub(" code ", text))
    rest = _letters(masked)
    return masked if _has_its_own(rest, _letters(text) - rest) else text


def without_paragraphs_of_code(text: str) -> str:
    """Return *text*, whose addresses are masked, with each paragraph that is thick with the signs of code as ``code``.

    Paragraphs stand between blank lines. Such a one is masked even where nothing else is left: unlike a fence, the
    signs cannot be put around prose, only into it, where every reader sees them.
    """
    return "".join("code" if _is_code(piece) else piece for piece in _PARAGRAPHS.split(text))


def _is_code(paragraph: str) -> bool:
    written = "".join(paragraph.split())
    signs = len(written) - len(written.translate(_WITHOUT_SIGNS))
    return (
        signs >= _LEAST_SIGNS
        and signs * _MOST_CHARACTERS_PER_SIGN >= len(written)
        and len(kinds := set(written) & _SIGNS_OF_CODE) >= _LEAST_KINDS
        and not kinds.isdisjoint(_SURE_SIGNS)
    )


def _is_quoted(line: str) -> bool:
    signs = _QUOTATION.match(line)
    if not signs:
        return False
    said = line[signs.end() :]
    # Arrows and faces such as >.< or >:( begin with the sign too.
    return not said or said[0].isalnum() or said[0] in _OPENS_A_QUOTE


def _has_its_own(letters: int, masked: int) -> bool:
    return letters > 0 and letters * _QUOTED_PER_OWN >= masked


def _letters(text: str) -> int:
    """Letters that are not of a mask."""
    return sum(map(str.isalpha, _MASK_WORDS.sub("", text)))
