"""HTML and Markdown become the text that a reader sees."""

from __future__ import annotations

import time

import pytest

from moderation.text import normalise
from moderation.text.formats import MOST_BRACKETS, MOST_CHARACTERS, TextFormat, readable

PROSE = "We walked along the harbour until the rain began, and then took the tram home."


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>one<br>two &amp; three&#39;s</p><p>next</p>", "one\ntwo & three's\n\nnext"),
        ("<p>a <b>bold</b> word, <a href='https://x.example'>a label</a>.</p>", "a bold word, a label."),
        ("<blockquote><p>theirs</p><p>too</p></blockquote><p>mine</p>", "> theirs\n> too\nmine"),
        ("see <code>x = 1</code> here", "see `x = 1` here"),
        ("She said <q>never</q>, and left.", 'She said "never", and left.'),
        ("<center>one</center>two<table><caption>three</caption><tr><td>four</table>", "one\n\ntwo\n\nthree\n\nfour"),
        ("<pre><code>a\n  b\n</code></pre>", "```\na\n  b\n```"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n\n- two"),
        ("hi<script>alert(1)</script><style>p{}</style><!-- no --> there", "hi there"),
        ("<p hidden>no</p><p style='display: none'>no</p>yes", "yes"),
        ('<img src="x" onerror="y" alt="no">', ""),
        ("a < b & c", "a < b & c"),
        ("<p>never closed <b>anything", "never closed anything"),
        ("<p style='display:none !important;color:red'>no</p><p style='Display : NONE'>no</p>yes", "yes"),
        ("<p style='visibility:hidden'>no</p><p style='visibility: collapse'>no <b>nor here</b></p>yes", "yes"),
        ("<p style='display:none;display:block'>seen</p><p hidden style='display:flex'>too</p>", "seen\n\ntoo"),
        ("<p style='visibility:hidden'>no <b style='visibility:visible'>seen</b> no</p>", "seen"),
        ("""<p style='font-family:"a\\";display:none;"'>seen</p>""", "seen"),
        ("<p style='background:url(a;display:none)'>seen</p><p style='--x:display:none'>too</p>", "seen\n\ntoo"),
        ("<p style='display:/* ; */none'>no</p>yes", "yes"),
        (f"<p style='--x:{'y' * 600};display:none'>no</p>yes", "yes"),
        ("<p style='font-family:\"a;display:none'>seen</p><p style='/*;display:none'>too</p>", "seen\n\ntoo"),
        ("<frameset>seen <p>by all", "seen\n\nby all"),
        ("<body hidden>seen by all", "seen by all"),
        ("<html><body style='display: none'>seen by all</body></html>", "seen by all"),
    ],
)
def test_readable_html_is_what_a_browser_shows(markup: str, text: str) -> None:
    assert readable(markup, "html") == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("# Title\n\nSome *text* and **more**.", "Title\n\nSome text and more."),
        ("> theirs\n\nmine", "> theirs\nmine"),
        ("```py\nx = 1\n```", "```\nx = 1\n```"),
        ("[a label](https://x.example) and ~~no~~", "a label and no"),
        ("one\ntwo", "one\ntwo"),
        ("1 * 2 * 3 and snake_case_name", "1 * 2 * 3 and snake_case_name"),
        ('[quote="ana, post:3, topic:17"]\ntheirs\n\n*too*\n[/quote]\n\nmine', "> theirs\n> too\nmine"),
        ("[quote]a[quote=bo]b[/quote]c[/QUOTE] mine", "> a\n> > b\n> c\nmine"),
        ("[quote] is not closed", "[quote] is not closed"),
        ("Write `[quote]` and `[/quote]` around it.", "Write `[quote]` and `[/quote]` around it."),
        ("Write\n```\n[quote]x[/quote]\n```\n[quote]a[/quote]", "Write\n\n```\n[quote]x[/quote]\n```\n\n> a"),
        (
            "[/quote] was not opened, [quote]theirs[/quote] [quote]mine",
            "[/quote] was not opened,\n\n> theirs\n[quote]mine",
        ),
    ],
)
def test_readable_markdown_is_what_a_reader_sees(markup: str, text: str) -> None:
    assert readable(markup, "markdown") == text


@pytest.mark.parametrize(
    ("markup", "text_format"), [('<p><img src="{}"></p><p>{}</p>', "html"), ("![a picture]({})\n\n{}", "markdown")]
)
def test_text_after_a_large_embedded_picture_is_read(markup: str, text_format: TextFormat) -> None:
    picture = "data:image/png;base64," + "iVBORw0KGgo" * (MOST_CHARACTERS // 10)
    assert readable(markup.format(picture, PROSE), text_format) == PROSE


def test_links_among_very_many_brackets_stay_as_written_and_are_masked_like_others() -> None:
    boxes = " [ ]" * MOST_BRACKETS
    markup = f"{PROSE.replace('harbour', '[harbour](https://x.example/a)')}{boxes}"
    assert readable(markup, "markdown") == markup
    assert readable(markup.removesuffix(" [ ]"), "markdown").startswith(PROSE)
    assert normalise(markup) == PROSE + boxes


def test_readable_plain_text_is_unchanged() -> None:
    assert readable("<b>a</b> *b*", "plain") == "<b>a</b> *b*"


@pytest.mark.parametrize(
    "markup",
    [
        f"<p>{PROSE}</p>",
        f'<p><a class="u-url mention" href="https://m.example/@ann">@<span>ann</span></a> {PROSE}</p>',
        f'<p>{PROSE} <a href="https://x.example/t"><span class="invisible">https://</span>x.example/t</a></p>',
        f'<p>{PROSE} <a href="https://m.example/tags/sun" class="hashtag">#<span>sun</span></a></p>',
        f"<p>{PROSE.replace('harbour', '<em>harbour</em>')} :blobcat:</p>",
        f"<blockquote>Short words.</blockquote><p>{PROSE}</p>",
    ],
    ids=["paragraph", "mention", "link", "hashtag", "emphasis and emoji", "quotation"],
)
def test_markup_of_html_leaves_the_normalised_text_unchanged(markup: str) -> None:
    assert normalise(readable(markup, "html")) == PROSE


@pytest.mark.parametrize("text_format", ["html", "markdown"])
@pytest.mark.parametrize(
    "markup",
    [
        "<div>" * 200_000,
        "<b>" * 200_000,
        "&amp;" * 200_000,
        "<a " * 200_000,
        "[" * 200_000,
        "![[" * 100_000,
        "> " * 200_000,
        "[quote]" * 200_000,
        f"<p style='display:{'/*' * 200}'>" * 1_000,
        *(f"<p style='display:{sign * (90_000 // len(sign))}'>x" for sign in ("/*", "(", '"\\', '"a', "(a")),
        "[quote]" * 7_000 + "[/quote]" * 7_000,
        "[quote][/quote]" + "`" * 50_000 + "\n```a" * 10_000,
    ],
    ids=[
        "divs",
        "bolds",
        "entities",
        "half tags",
        "brackets",
        "images",
        "quotes",
        "half quotes",
        "styles",
        "comments of a style",
        "brackets of a style",
        "escapes of a style",
        "strings of a style",
        "arguments of a style",
        "nested quotes",
        "half code",
    ],
)
def test_hostile_markup_takes_bounded_time(markup: str, text_format: TextFormat) -> None:
    began = time.process_time()
    assert len(readable(markup, text_format)) <= 2 * MOST_CHARACTERS
    assert time.process_time() - began < 20  # a second or two; minutes without the limit
