"""Converts posts in HTML or Markdown to the text that a reader sees."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser, LexborNode

TextFormat = Literal["plain", "html", "markdown"]

_INVISIBLE = frozenset(
    [
        "script",
        "style",
        "template",
        "noscript",
        "iframe",
        "object",
        "embed",
        "svg",
        "math",
        "head",
        "title",
        "audio",
        "video",
        "canvas",
        "select",
        "textarea",
    ]
)
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "caption",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "legend",
        "li",
        "main",
        "menu",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_EMBEDDED_FILE = re.compile(r"data:[\w.+/;=-]{0,100}base64,[A-Za-z0-9+/=]{64,}", re.ASCII | re.IGNORECASE)
_STYLE_NOISE = re.compile(  # what is not closed ends with the style, so that each character is read once
    r"""/\*.*?(?:\*/|\Z)|"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|'(?:[^'\\]|\\.)*+(?:'|\\?\Z)|\([^()]*\)""", re.DOTALL
)
_CODE_OR_QUOTE = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,})[^`\n]*$(?s:.*?)(?:^ {0,3}(?P=fence)|\Z)"  # a block of code
    r"|(?<!`)`++[^`\n]++`"  # code in a line
    r"|(?P<quote>\[(?P<closes>/)?quote(?(closes)|(?:=[^\[\]\n]{0,300})?)\])",
    re.IGNORECASE | re.MULTILINE,
)
MOST_CHARACTERS = 100_000
"""Markup beyond this length is dropped, because the time of the parser is quadratic in the depth of elements."""
MOST_BRACKETS = 1_000
"""With more opening brackets, links in Markdown stay as written: each bracket takes 25 times as long as a letter."""


def readable(text: str, text_format: TextFormat) -> str:
    """Return the text that a reader of a post in *text_format* sees, as plain text.

    A quotation becomes lines that begin with ``> ``, a code block a fence, inline code text in backticks, and blocks
    are separate lines. A link is replaced by its label; images and hidden elements are removed. Malformed markup is
    parsed as in browsers; markup beyond MOST_CHARACTERS is dropped. Markdown may have the quotations of Discourse,
    ``[quote="ana, post:2"]`` to ``[/quote]``.
    """
    if text_format == "plain":
        return text
    if len(text) > MOST_CHARACTERS:
        text = _EMBEDDED_FILE.sub("", text)  # a pasted picture, which would leave no room for the text
    if text_format == "markdown":
        source = _with_quotations(text[:MOST_CHARACTERS])
        return _of_html(_markdown(links=source.count("[") <= MOST_BRACKETS).render(source))
    return _of_html(text[:MOST_CHARACTERS])


@cache
def _markdown(*, links: bool) -> MarkdownIt:
    # HTML in Markdown is parsed with the rest; bare addresses are not links, because a reader sees them as text.
    parser = MarkdownIt("commonmark", {"html": True, "breaks": True, "maxNesting": 50})
    parser.enable(["table", "strikethrough"])
    return parser if links else parser.disable(["link", "image"])


def _with_quotations(text: str) -> str:
    """Return Markdown with each pair of ``[quote]`` and ``[/quote]`` as an element.

    One without the other is text, and so are those in code.
    """
    opened: list[re.Match[str]] = []
    elements: dict[int, str] = {}
    for sign in _CODE_OR_QUOTE.finditer(text):
        if sign["quote"] is None:
            continue
        if not sign["closes"]:
            opened.append(sign)
        elif opened:
            elements[opened.pop().start()] = "\n\n<blockquote>\n\n"
            elements[sign.start()] = "\n\n</blockquote>\n\n"
    return _CODE_OR_QUOTE.sub(lambda sign: elements.get(sign.start(), sign[0]), text) if elements else text


def _of_html(markup: str) -> str:
    # A post is shown inside a body, where <frameset> and a second <body> have no effect; else they would hide the text.
    body = LexborHTMLParser(f"<body>{markup}").body
    if body is None:
        return ""
    return _Reader().read(body)


class _Reader:
    """Traverses a tree of elements without recursion and collects the displayed text."""

    def __init__(self) -> None:
        self._lines: list[str] = [""]
        self._quotes = 0
        self._preformatted = 0
        self._glue = False
        self._visible = [True]
        """Whether text is visible in each open element; it is inherited, and an inner element can change it."""

    def read(self, body: LexborNode) -> str:
        """Return the text in *body*."""
        stack = _children(body)
        while stack:
            node, left = stack.pop()
            if left:
                self._visible.pop()
                self._leave(node.tag or "")
            elif node.tag == "-text":
                if self._visible[-1]:
                    self._write(node.text_content or "")
            elif (tag := node.tag) and _shown(node, tag):
                self._enter(tag)
                self._visible.append(_visible(node, inherited=self._visible[-1]))
                stack.append((node, True))
                stack += _children(node)
        return "\n".join(self._lines).strip("\n")

    def _enter(self, tag: str) -> None:
        if tag == "br":
            self._new_line()
        elif tag in _BLOCKS:
            self._block()
        if tag == "blockquote":
            self._quotes += 1
            self._mark_quote()
        elif tag == "pre":
            self._preformatted += 1
            self._lines[-1] += "```"
            self._new_line()
        elif tag == "code" and not self._preformatted:
            self._lines[-1] += "`"
            self._glue = True
        elif tag == "q":
            self._lines[-1] += '"'
            self._glue = True
        elif tag == "li":
            self._lines[-1] += "- "

    def _leave(self, tag: str) -> None:
        if tag == "code" and not self._preformatted:
            self._lines[-1] += "`"
        elif tag == "pre":
            self._preformatted -= 1
            if self._lines[-1].strip("> "):
                self._new_line()
            self._lines[-1] += "```"
        elif tag == "blockquote":
            self._quotes -= 1
        if tag in _BLOCKS:
            self._block()
        elif tag == "q":
            self._lines[-1] += '"'

    def _write(self, text: str) -> None:
        if self._preformatted:
            first, *others = text.split("\n")
            self._lines[-1] += first
            for line in others:
                self._new_line()
                self._lines[-1] += line
            return
        words = " ".join(text.split())
        if not words:
            if text and self._lines[-1].strip("> ") and not self._lines[-1].endswith(" "):
                self._lines[-1] += " "
            return
        lead = " " if text[0].isspace() and self._lines[-1] and not self._lines[-1].endswith(" ") else ""
        self._lines[-1] += ("" if self._glue else lead) + words + (" " if text[-1].isspace() else "")
        self._glue = False

    def _block(self) -> None:
        """Begin a paragraph, unless the current one is empty."""
        if self._lines[-1].strip("> "):
            self._lines[-1] = self._lines[-1].rstrip(" ")
            if not self._quotes:
                self._lines.append("")
            self._new_line()
        else:
            self._lines[-1] = ""
            self._mark_quote()

    def _new_line(self) -> None:
        self._lines[-1] = self._lines[-1].rstrip(" ") if not self._preformatted else self._lines[-1]
        self._lines.append("")
        self._mark_quote()

    def _mark_quote(self) -> None:
        self._lines[-1] = "> " * min(self._quotes, 3)


def _children(node: LexborNode) -> list[tuple[LexborNode, bool]]:
    """Return the children of *node* in reverse order, for a stack, each as not yet left."""
    return [(child, False) for child in reversed(list(node.iter(include_text=True)))]


def _shown(node: LexborNode, tag: str) -> bool:
    """Return whether a browser displays an element; where its style has contradictions, as if it does."""
    if tag in _INVISIBLE or not tag[0].isalpha():
        return False
    displays = _declared(node, "display")
    return displays != {"none"} if displays else "hidden" not in node.attributes


def _visible(node: LexborNode, *, inherited: bool) -> bool:
    declared = _declared(node, "visibility")
    return not declared <= {"hidden", "collapse"} if declared else inherited


def _declared(node: LexborNode, name: str) -> set[str]:
    """Return the values of a property in the style of an element, without strings, comments and arguments."""
    style = node.attributes.get("style") or ""
    if name not in style.lower():
        return set()
    style = _STYLE_NOISE.sub("", style)
    pairs = (declaration.partition(":") for declaration in style.lower().split(";"))
    return {value.partition("!")[0].strip() for found, _, value in pairs if found.strip() == name}
