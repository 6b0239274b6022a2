"""Removes markup around prose: links, mentions, hashtags, emoji, tags, emphasis and list markers.

Markup must not change a score (see docs/decisions/0616-markup-is-removed.md), so that it is removed without a
placeholder.
Every pattern is bounded, so that the time is linear in the length of the text.
"""

from __future__ import annotations

import html
import re
import unicodedata

_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#39|#x27|#x2F);", re.IGNORECASE)
_INLINE_TAG = re.compile(
    r"</?(?:a|abbr|b|bdi|big|code|del|em|font|i|ins|kbd|mark|q|s|small|span|strike|strong|sub|sup|tt|u)"
    r"(?:\s[^<>]{0,500})?/?>",
    re.IGNORECASE,
)
_BLOCK_TAG = re.compile(
    r"</?(?:blockquote|br|center|details|div|figure|h[1-6]|hr|img|li|ol|p|pre|summary|table|tbody|td|tfoot|th|thead|tr|ul)"
    r"(?:\s[^<>]{0,500})?/?>",
    re.IGNORECASE,
)
_MARKDOWN_LINK = re.compile(
    r"!?\[([^\[\]\n]{0,300})\]\((?:https?://|www\.|mailto:|[/#])[^\s()]{0,500}(?: \"[^\"\n]{0,200}\")?\)"
)
_SLACK_LINK = re.compile(r"<(?:https?://|mailto:)[^\s<>|]{1,500}\|([^<>|\n]{0,300})>")
_URL = re.compile(
    r"[(<\[]?(?<![a-z])(?:https?://|www\.)[^\s`<>]{0,2000}(?<![.,!?;:'\")\]}])[)>\]]?",
    re.IGNORECASE,
)
_DOMAIN = re.compile(
    r"(?<![\w@.-])(?:[a-z0-9-]{1,63}\.){1,5}(?:(?:app|biz|co|com|de|dev|edu|eu|fr|gg|gov|info|io|ly|me|net|org|ru|tv|uk|us)"
    r"(?![\w-])(?!\.\w)(?:/[^\s`<>]{0,2000}(?<![.,!?;:'\")\]}]))?|[a-z]{2,24}/[^\s`<>]{0,2000}(?<![.,!?;:'\")\]}]))",
    re.IGNORECASE,
)
_PLATFORM_TOKEN = re.compile(r"<(?:@[!&]?|#|a?:\w{1,64}:)\d{1,25}>|<[@#!][A-Za-z0-9^|._-]{1,80}>")
_MENTION = re.compile(r"(?<![\w@/.])@\w+|(?<![\w/])/?u/[\w-]{3,40}")
_HOST = re.compile(r"@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_CUSTOM_EMOJI = re.compile(r"(?<![\w:]):(?=[\w+-]*[a-zA-Z])[\w+-]{2,64}:(?![\w:])")
_JOINERS = "\u200c\u200d"

_LINE_MARKS = re.compile(
    r"^[^\S\n]*(?:(?:#{1,6}|[-*+•▪◦·]|\d{1,3}[.)]|\[[ xX]\])[^\S\n]+)+"  # headings and list items
    r"|^[^\S\n]*[-:|=*_][-: |=*_]{2,}$",  # rules, and the line under the head of a table
    re.MULTILINE,
)
_EMPHASIS = (
    re.compile(r"(?<![\w*])(\*{1,3})(?=[\w\"'(\[])([^*]{1,300})(?<=[\w.,;:!?…\"')\]])\1(?![\w*])"),
    re.compile(r"(?<!\w)(_{1,3})(?=[a-zA-Z0-9\"'])([^_]{1,300})(?<=[a-zA-Z0-9.,;:!?…\"')\]])\1(?!\w)"),
    re.compile(r"(~~|\|\|)(?=[^\s~|])([^~|]{1,2000})(?<=[^\s~|])\1"),
)
_TABLE_BAR = re.compile(r"\s\|(?:\s\|)*(?=\s|$)")

_HASHTAG = re.compile(r"(?<![\w&#/])#(?=\d*[^\W\d])\w{1,100}")
_ENDS_A_SENTENCE = re.compile(r"[.!?…][\"')\]]?$")

_PICTURES = re.compile(
    "(?:[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u231a-\u23ff\u3030\u303d\u3297\u3299]"
    "|[0-9#*]\ufe0f?\u20e3)[\ufe0e\ufe0f\u200d\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
)
_PUNCTUATION = str.maketrans(
    {**dict.fromkeys("‘’‚‛′ʼ", "'"), **dict.fromkeys("“”„‟″«»", '"'), **dict.fromkeys("‐‑‒−", "-")}
)
_DASH = re.compile(
    r"(?<=[\w.!?\"')\]]) ?(?:—+|―|(?<!\d)–|–(?!\d)|(?<!-)--(?!-)) ?(?=[\w\"'(\[])|(?<=[^\W\d]) - (?=[^\W\d])"
)
_BEFORE_PUNCTUATION = ".,!?;:)"


def without_entities(text: str) -> str:
    """Return *text* with the HTML entities of the special characters of HTML replaced by these characters."""
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text) if "&" in text else text


def without_tags(text: str) -> str:
    """Return *text* without HTML tags: inline tags are removed, others replaced by a line break."""
    return _BLOCK_TAG.sub("\n", _INLINE_TAG.sub("", text)) if "<" in text else text


def without_addresses(text: str) -> str:
    """Return *text* without links, mentions and custom emoji; a link with a label is replaced by the label."""
    text = _SLACK_LINK.sub(r"\1", _MARKDOWN_LINK.sub(r"\1", text))
    spans = [
        match.span() for pattern in (_URL, _DOMAIN, _PLATFORM_TOKEN, _CUSTOM_EMOJI) for match in pattern.finditer(text)
    ]
    text = _without(text, spans)
    return _without(text, [(match.start(), _end_of_mention(text, match.end())) for match in _MENTION.finditer(text)])


def _end_of_mention(text: str, position: int) -> int:
    """Return the end of the name that continues at *position*, with its host and a following colon or comma."""
    while position < len(text) and (
        text[position].isalnum() or text[position] in "_" + _JOINERS or unicodedata.category(text[position])[0] == "M"
    ):
        position += 1
    host = _HOST.match(text, position)
    position = host.end() if host else position
    return position + 1 if text[position : position + 1] in (",", ":") else position


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    """Return *text* without *spans* and without blanks between a span and a following punctuation mark."""
    pieces: list[str] = []
    done = 0
    for begin, end in sorted(spans):
        if begin < done:
            continue
        piece = text[done:begin]
        if text[end : end + 1] in tuple(_BEFORE_PUNCTUATION):
            pieces.append(piece.rstrip(" "))
        else:
            pieces += (piece, " ")
        done = end
    return "".join((*pieces, text[done:]))


def without_line_marks(text: str) -> str:
    """Return *text* without the signs of headings, list items, rules and table frames."""
    return _LINE_MARKS.sub("", text)


def without_emphasis(text: str) -> str:
    """Return *text*, on one line, without the signs of emphasis, strike-through, spoilers and table columns."""
    for pattern in _EMPHASIS:
        text = pattern.sub(r"\2", text)
    return _TABLE_BAR.sub("", text) if "|" in text else text


def without_hashtags(text: str) -> str:
    """Return *text*, on one line, without runs of hashtags at its ends; other hashtags are replaced by their word.

    A single tag at an end is removed where it is not part of a sentence. Where the tags have more letters than the
    rest, all of them are kept as words, because they are the text.
    """
    if "#" not in text:
        return text
    words = text.split(" ")
    begin, end = 0, len(words)
    while begin < end and _HASHTAG.fullmatch(words[begin]):
        begin += 1
    while end > begin and _HASHTAG.fullmatch(words[end - 1]):
        end -= 1
    if begin == 1:
        begin = 0
    if len(words) - end == 1 and end > 0 and not _ENDS_A_SENTENCE.search(words[end - 1]):
        end = len(words)
    rest = " ".join(words[begin:end])
    if 2 * sum(map(str.isalpha, rest)) >= sum(map(str.isalpha, text)):
        text = rest
    return _HASHTAG.sub(lambda tag: tag[0][1:], text)


def without_pictures(text: str) -> str:
    """Return *text* without emoji and pictographs."""
    return text if text.isascii() else _PICTURES.sub(" ", text)


def with_plain_punctuation(text: str) -> str:
    """Return *text*, on one line, with straight quotation marks, and with a comma for a dash between words."""
    if not text.isascii():
        text = text.translate(_PUNCTUATION)
    return _DASH.sub(", ", text)
