"""The drawing of a follow neighbourhood holds every neighbour, and hostile ids are text."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from moderation.review.neighbour_picture import COLUMNS, LABEL_CHARS, neighbour_svg, picture_label
from moderation.review.neighbourhood import Neighbour, Relation


def neighbour(number: int, relation: Relation = "follows", account_id: str | None = None) -> Neighbour:
    """A neighbour, with a flag where it has an id."""
    key = None if account_id is None else f"{number:064x}"
    return Neighbour(relation, key, account_id, 1, 0.97, flagged_before=False)


def test_every_neighbour_has_a_mark_and_only_flagged_ones_lead_to_their_page() -> None:
    drawing = ElementTree.fromstring(
        str(neighbour_svg([neighbour(1, "mutual", "anna"), neighbour(2), neighbour(3, "followed_by", "ben")]))
    )
    marks = [one for one in drawing.iter("circle") if one.get("class") != "own"]
    assert [one.get("class") for one in marks] == ["flagged", "unflagged", "flagged"]
    assert {float(one.get("cx", "0")) for one in marks} <= set(map(float, COLUMNS))
    links = list(drawing.iter("a"))
    assert [one.get("href") for one in links] == [f"/accounts/{1:064x}", f"/accounts/{3:064x}"]
    assert {one.get("tabindex") for one in links} == {"-1"}
    assert [one.text for one in drawing.iter("text")] == ["anna", "no flag", "ben"]


@pytest.mark.parametrize(("relation", "heads"), [("follows", 1), ("followed_by", 1), ("mutual", 2)])
def test_an_arrow_points_at_who_is_followed(relation: Relation, heads: int) -> None:
    drawing = ElementTree.fromstring(str(neighbour_svg([neighbour(1, relation), neighbour(2, "follows")])))
    assert len(list(drawing.iter("path"))) == heads + 1
    (line, *_) = drawing.iter("line")
    (head, *_) = drawing.iter("path")
    tip = float(head.get("d", "")[1:].split()[0])
    assert tip == float(line.get("x1" if relation == "followed_by" else "x2", "0"))


def test_forty_neighbours_lie_inside_the_drawing_and_apart() -> None:
    drawing = ElementTree.fromstring(str(neighbour_svg([neighbour(n, "mutual", f"account {n}") for n in range(40)])))
    width, height = map(float, drawing.get("viewBox", "").split()[2:])
    places = [(float(one.get("cx", "0")), float(one.get("cy", "0"))) for one in drawing.iter("circle")]
    assert len(set(places)) == 41
    assert all(0 < x < width and 0 < y < height for x, y in places)


def test_a_hostile_id_is_text_in_the_drawing() -> None:
    found = str(neighbour_svg([neighbour(1, "follows", '<script>"&')]))
    assert "<script>" not in found
    assert ElementTree.fromstring(found).find(".//text") is not None
    assert picture_label("a\u202eb") == "aU+202Eb"
    assert len(picture_label("x" * 500)) == LABEL_CHARS


def test_no_neighbour_has_no_drawing() -> None:
    assert neighbour_svg([]) == ""
