"""What a person chooses for the own pages wins over the settings of the console, and wrong choices are refused."""

from __future__ import annotations

import html
import json
import re

from sqlalchemy import select

from connectors.reviewdb.models import PersonRow
from connectors.reviewdb.statements import table_of
from moderation.review.preferences import Preferences, save_preferences
from tests.contract.samples import flag
from tests.integration.console.conftest import Desk


def test_own_choices_are_kept_and_win_over_the_console(desk: Desk) -> None:
    desk.flag(flag("p1"))
    ana, bob, key = desk.client("ana"), desk.client("bob"), desk.key("a1")
    assert 'class="text blurred"' in ana.get(f"/accounts/{key}").text
    saved = ana.post("/own", data={"blur": "off", "break_minutes": "50", "key-n": "x", "key-u": "z"})
    assert saved.headers["location"] == "/own?saved=1"
    page = ana.get(f"/accounts/{key}").text
    assert "blurred" not in page
    keys = re.search(r'data-keys="([^"]*)"', page)
    assert keys is not None
    assert json.loads(html.unescape(keys[1])) == {"n": "x", "u": "z"}
    assert 'data-break="50"' in page
    assert 'class="text blurred"' in bob.get(f"/accounts/{key}").text
    assert bob.post("/own", data={"key-n": "f", "key-f": ""}).status_code == 303
    assert 'name="key-f" maxlength="1" value=""' in bob.get("/own").text
    assert 'name="key-n" maxlength="1" value="x"' in ana.get("/own").text


def test_choices_that_cannot_work_are_shown_with_the_reason_and_not_kept(desk: Desk) -> None:
    ana = desk.client("ana")
    for sent, words in (
        ({"key-n": "q"}, "is used twice"),
        ({"break_minutes": "1000"}, "break_minutes must be from 0 to 240, got 1000"),
        ({"key-n": "ab"}, "must be one visible character"),
    ):
        refused = ana.post("/own", data=sent)
        assert refused.status_code == 422
        assert words in refused.text
    typed = ana.post("/own", data={"blur": "off", "break_minutes": "7", "key-n": "q", "key-s": "y"}).text
    for shown in ('value="off" selected', 'max="240" value="7"', 'name="key-n" maxlength="1" value="q"', 'value="y"'):
        assert shown in typed
    assert "data-keys" not in ana.get("/own").text


def test_filters_are_saved_under_a_name_for_their_person_only(desk: Desk) -> None:
    ana, bob = desk.client("ana"), desk.client("bob")
    saved = ana.post("/queue/filters?view=open&family=typing&min_risk=0.9", data={"name": " typed <b> "})
    assert saved.headers["location"] == "/queue?view=open&min_risk=0.9&family=typing"
    ana.post("/own", data={"break_minutes": "50"})
    page = ana.get(saved.headers["location"]).text
    assert (
        'href="/queue?view=open&amp;min_risk=0.9&amp;family=typing" aria-current="true"><bdi>typed &lt;b&gt;</bdi>'
        in page
    )
    assert "typed &lt;b&gt;" not in bob.get("/queue").text
    assert ana.post("/queue/filters?family=nothing", data={"name": "x"}).status_code == 422
    assert ana.post("/queue/filters", data={"name": " "}).status_code == 422
    for number in range(19):
        ana.post("/queue/filters?view=held", data={"name": f"filter {number}"})
    engine, query = desk.console.engine, select(table_of(PersonRow).c.id).where(table_of(PersonRow).c.name == "ana")
    with engine.connect().execution_options(reading=True) as connection:
        save_preferences(engine, connection.scalar(query), Preferences(break_minutes=60))
    assert "typed &lt;b&gt;" in ana.get("/queue").text
    assert "remove one first" in ana.post("/queue/filters", data={"name": "one more"}).text
    assert ana.post("/queue/filters/remove", data={"name": "typed <b>"}).status_code == 303
    page = ana.get("/queue").text
    assert "typed &lt;b&gt;" not in page
    assert 'data-break="60"' in page


def test_filters_of_the_api_are_those_of_the_pages(desk: Desk) -> None:
    ana, bob, vera, ida = (desk.client(name) for name in ("ana", "bob", "vera", "ida"))
    address = "/api/v1/queue/filters"
    sent = {"name": " typed ", "view": "open", "family": "typing", "min_risk": 0.9}
    kept = {"name": "typed", "view": "open", "family": "typing", "min_risk": 0.9}
    saved = ana.post(address, json=sent)
    assert (saved.status_code, saved.json()) == (201, kept)
    assert "<bdi>typed</bdi>" in ana.get("/queue").text
    ana.post("/queue/filters?view=held", data={"name": "later"})
    assert [one["name"] for one in ana.get(address).json()] == ["later", "typed"]
    assert bob.get(address).json() == []
    assert ida.post(address, json={"name": "own"}).json()["view"] == "appeals"
    assert vera.post(address, json={"name": "own"}).json()["view"] == "open"
    for refused, words in (
        (sent | {"view": "nothing"}, "view must be one of"),
        (sent | {"family": "nothing"}, "family must be one of"),
        (sent | {"name": "\u202e"}, "visible characters"),
        (sent | {"min_risk": 2}, "min_risk"),
        (sent | {"platform_id": "x"}, "platform_id"),
    ):
        answer = ana.post(address, json=refused)
        assert (answer.status_code, words in answer.text) == (422, True), answer.text
    for number in range(18):
        assert ana.post(address, json={"name": f"filter {number}"}).status_code == 201
    assert "remove one first" in ana.post(address, json={"name": "one more"}).json()["detail"]
    for _ in range(2):
        assert ana.delete(address, params={"name": "typed"}).status_code == 204
    assert "<bdi>typed</bdi>" not in ana.get("/queue").text
    assert len(ana.get(address).json()) == 19
