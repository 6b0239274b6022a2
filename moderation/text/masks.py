"""Removes quotations and code: they are not the writer's own prose."""

from __future__ import annotations

import re

_FENCED = re.compile(r"```.*?```", re.DOTALL)
# A backtick after a letter is an apostrophe, one beside a blank inside is a quotation mark.
_INLINE = re.compile(r"(?<![\w`])`(?!\s)([^`]{1,200})(?<!\s)`(?!`)")
_EMPTY = re.compile(r"(?<!`)`\s{1,9}`(?!`)")
_WHOLE = re.compile(r"^\s*`([^`]*)`\s*$")
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
_OPENS_A_QUOTE = "\"'“‘«‹„([*@#`"


def without_quotes(text: str) -> str:
    """Return *text* without the lines that begin with ``>``.

    Where the other lines have less than half the letters of the quotation, the quotation is what is published and
    stays, without its signs.
    """
    if ">" not in text:
        return text
    lines = text.splitlines()
    quoted = [_is_quoted(line) for line in lines]
    letters = [_letters(line) for line in lines]
    of_quotes = sum(count for count, is_quote in zip(letters, quoted, strict=True) if is_quote)
    pairs = zip(lines, quoted, strict=True)
    if not _has_its_own(sum(letters) - of_quotes, of_quotes):
        return "\n".join(_QUOTATION.sub("", line, count=1) if is_quote else line for line, is_quote in pairs)
    return "\n".join(line for line, is_quote in pairs if not is_quote)


def without_code(text: str) -> str:
    """Return *text* without fenced blocks and without inline code of four characters and more.

    An opening fence that is never closed, and a backtick without a partner within 200 characters, are plain
    characters. Where all else has less than half the letters of the code, the code stays without its signs.
    """
    if "`" not in text:
        return text
    rest = _INLINE.sub(
        lambda code: code[0] if len(code[1]) < _SHORT_CODE else " ", _FENCED.sub(" ", _EMPTY.sub(" ", text))
    )
    letters = _letters(rest)
    if _has_its_own(letters, _letters(text) - letters):
        return rest
    return _WHOLE.sub(r"\1", _INLINE.sub(r"\1", text.replace("```", " ")))


def without_paragraphs_of_code(text: str) -> str:
    """Return *text* without each paragraph that is thick with the signs of code.

    Paragraphs stand between blank lines. Such a paragraph goes even where nothing else is left: unlike a fence, the
    signs cannot be put around prose, only into it, where every reader sees them.
    """
    return "".join("" if _is_code(piece) else piece for piece in _PARAGRAPHS.split(text))


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
    return sum(map(str.isalpha, text))
