"""Text, risks and times as the pages show them, and the timeline as a drawing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.review.accounts import TimelinePoint
from moderation.review.pages.rendering import ago, query, risk, shown
from moderation.review.pages.signing_in import local_target
from moderation.review.timeline import timeline_svg

AT = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", "plain"),
        ("<b>&\"'", "&lt;b&gt;&amp;&#34;&#39;"),
        ("a\u202eb", 'a<span class="unseen" title="invisible character">U+202E</span>b'),
        ("\u200b\u200c", '<span class="unseen" title="invisible character">U+200B U+200C</span>'),
        ("\ud800", '<span class="unseen" title="invisible character">U+D800</span>'),
        ("line\n\tnext", "line\n\tnext"),
        ("", ""),
        (None, ""),
    ],
)
def test_shown_escapes_markup_and_marks_invisible_characters(text: str | None, html: str) -> None:
    assert str(shown(text)) == html


@given(st.text())
def test_shown_of_any_text_is_valid_markup_and_utf_8(text: str) -> None:
    html = str(shown(text))
    html.encode("utf-8")
    ElementTree.fromstring(f"<p>{html}</p>")


@pytest.mark.parametrize(
    ("value", "expected"), [(0.99999, "0.9999"), (1.0, "1.0000"), (0.5, "0.5000"), (0.0, "0.0000"), (None, "–")]
)
def test_risk_below_one_is_never_shown_as_one(value: float | None, expected: str) -> None:
    assert risk(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (3_600, "1 h"), (90_000, "1 d")]
)
def test_ago_uses_one_unit(seconds: int, expected: str) -> None:
    assert ago(AT, AT + timedelta(seconds=seconds)) == expected


def test_query_leaves_out_what_is_not_set() -> None:
    assert query({"view": "open", "family": None, "min_risk": ""}, cursor="a&b") == "view=open&cursor=a%26b"


@given(st.text())
def test_local_target_never_leads_to_another_site(target: str) -> None:
    found = local_target(target)
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))


def points(*minutes: int) -> list[TimelinePoint]:
    """Points at minutes, the later the riskier."""
    return [TimelinePoint(AT + timedelta(minutes=at), 0.9995 + at / 1e6, "open") for at in minutes]


def test_timeline_draws_each_post_and_of_posts_at_one_place_the_riskiest() -> None:
    drawing = ElementTree.fromstring(str(timeline_svg(points(0, 1, 1_000), 0.9995)))
    marks = [one for one in drawing if "mark" in one.get("class", "")]
    assert [one.findtext("title") for one in marks] == [
        "2026-11-20 08:31 UTC, risk 0.9995, open",
        "2026-11-21 01:10 UTC, risk 1.0005, open",
    ]
    assert drawing.get("aria-label") == "3 flagged posts from 2026-11-20 08:30 to 2026-11-21 01:10 UTC"


def test_timeline_of_one_time_is_empty() -> None:
    assert str(timeline_svg(points(5, 5), 0.9995)) == str(timeline_svg([], 0.9995)) == ""


def test_timeline_marks_lie_inside_the_drawing_whatever_the_risk() -> None:
    wild = [TimelinePoint(AT + timedelta(days=n), value, "open") for n, value in enumerate((0.0, 0.5, 1.0))]
    for threshold in (0.0, 0.9995, 1.0):
        for one in ElementTree.fromstring(str(timeline_svg(wild, threshold))):
            assert all(0 <= float(one.get(name, "0")) <= 640 for name in ("x", "x1", "x2", "y", "y1", "y2"))
