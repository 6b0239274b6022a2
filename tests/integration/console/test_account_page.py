"""The account page: linked accounts, address, typing, the note, names of others, and blurred texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from connectors.reviewdb.retention import erase_account
from moderation.effects import AuditSample, Effects, FlagRaised, Followed
from moderation.review import linked
from moderation.review.passages import PassageFinder
from moderation.settings.sections import ConsoleSettings
from moderation.state.identifiers import account_number
from tests.browser.cast import HOSTILE_TEXT, raised
from tests.contract.samples import PLATFORM, flag, partition
from tests.integration.console.conftest import Desk
from tests.unit.review.test_passages import Counting

CAMPAIGN = "Honestly the new delivery service changed how we plan our weeks, and the prices are more than fair."
NEARLY = CAMPAIGN.replace("more than fair", "fair enough for us")


def on_platform(*args: object, **changes: object) -> FlagRaised:
    """A flag of the cast on the platform of these tests."""
    return raised(*args, platform_id=PLATFORM, **changes)  # type: ignore[arg-type]


def fill(desk: Desk) -> None:
    """One campaign on one address, a copy of its text elsewhere, and an account that shares nothing."""
    desk.flag(
        on_platform("p1", "a1", CAMPAIGN, 0.9999),
        on_platform("p2", "near", NEARLY, 0.9998),
        on_platform("p3", "copy", CAMPAIGN, 0.9997, "elsewhere"),
        on_platform("p4", "neighbour", "Slept in the van again.", 0.9996),
        on_platform("p5", "stranger", "The library opens at nine.", 0.9996, "library"),
    )


def test_linked_accounts_are_listed_with_their_link(desk: Desk) -> None:
    fill(desk)
    ana = desk.client("ana")
    found = ana.get(f"/api/v1/accounts/{desk.key('a1')}").json()["account"]["linked"]
    assert (found["total"], found["more"], found["unflagged"]) == (3, False, 0)
    links = {
        one["account_id"]: (one["same_address"], one["same_text"], one["similarity"] is not None)
        for one in found["accounts"]
    }
    assert links == {"copy": (False, True, False), "near": (True, False, True), "neighbour": (True, False, False)}
    page = ana.get(f"/accounts/{desk.key('a1')}").text
    assert "similar text (" in page
    assert "At least 2 other flagged accounts have used an address of this account" in page
    assert "14 accounts posted from its address" in page
    assert 'aria-label="Typing: ' in page
    assert "address_hash" not in str(ana.get(f"/api/v1/accounts/{desk.key('a1')}").json())


def test_similar_texts_are_found_on_every_address_and_decided_about_together(desk: Desk) -> None:
    words = [f"word{number}" for number in range(60)]
    varied = [" ".join([*words[:-1], f"end{number}"]) for number in range(5)]
    desk.flag(*(on_platform(f"p{n}", f"a{n}", text, 0.9999, f"home-{n}") for n, text in enumerate(varied)))
    desk.flag(on_platform("p8", "other-text", "The library opens at nine, and closes at eight in the evening.", 0.9996))
    desk.flag(on_platform("p9", "on-address", "Slept in the van again.", 0.9996, "home-0"))
    unflagged = on_platform("s1", "writer", varied[0], 0.2, "home-9", flagged=False)
    sample = AuditSample(unflagged.assessment, unflagged.evidence, 0.1, "s")
    desk.store.commit(desk.store.claim("main", "one", [partition()]), Effects(audit_samples=[sample]))
    sam = desk.client("sam")
    found = sam.get(f"/api/v1/accounts/{desk.key('a0')}").json()["account"]["linked"]
    alike = {one["account_id"]: one["shared_text"] for one in found["accounts"] if one["similarity"]}
    assert alike == {f"a{n}": varied[n] for n in range(1, 5)}
    assert (found["total"], found["unflagged"]) == (5, 1)
    page = sam.get(f"/accounts/{desk.key('a0')}").text
    assert varied[3][:300] in page
    assert "1 account without a flag posted such a text too" in page
    for by, names in (("text", "a0 a1 a2 a3 a4"), ("any", "a0 a1 a2 a3 a4 on-address")):
        sent = {"linked_with": desk.key("a0"), "by": by}
        hits = sam.post("/api/v1/decisions/preview", json=sent).json()
        assert sorted(hit["account_id"] for hit in hits) == names.split()
    assert "on-address" not in sam.get(f"/bulk?linked_with={desk.key('a0')}&by=text").text


def test_an_account_with_very_many_texts_hides_no_other_with_a_similar_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moderation.review.shared_texts.TEXTS_READ", 4)
    words = [f"word{number}" for number in range(60)]
    same = " ".join(words)
    desk.flag(*(on_platform(f"p{n}", f"a{n}", same, 0.9999, f"home-{n}") for n in range(3)))
    desk.flag(*(on_platform(f"q{n}", "loud", f"{same} end{n}", 0.9999, "home-9") for n in range(12)))
    found = desk.client("sam").get(f"/api/v1/accounts/{desk.key('a0')}").json()["account"]["linked"]
    assert {one["account_id"] for one in found["accounts"]} == {"a1", "a2", "loud"}


def test_more_linked_accounts_than_are_read_are_announced_with_their_number(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.flag(*(on_platform(f"p{n}", f"a{n}", f"text number {n}", 0.9999) for n in range(24)))
    ana = desk.client("ana")
    assert "20 of 23 linked accounts are listed" in ana.get(f"/accounts/{desk.key('a0')}").text
    monkeypatch.setattr(linked, "MOST_LINKED", 10)
    page = ana.get(f"/accounts/{desk.key('a0')}").text
    assert "10 of 23 linked accounts are listed" in page
    assert "reaches the first 10." in page
    monkeypatch.setattr(linked, "MOST_LINKED", 50)
    monkeypatch.setattr(linked, "ROWS_READ", 21)
    page = ana.get(f"/accounts/{desk.key('a0')}").text
    assert "20 of at least 22 linked accounts are listed" in page
    assert "does not reach all of them" in page


def test_the_posts_of_a_large_account_are_read_in_pages(desk: Desk) -> None:
    desk.flag(*(on_platform(f"p{n}", "a1", f"the text number {n}", 0.9999 - n / 1e5, "home") for n in range(25)))
    ana, key = desk.client("ana"), desk.key("a1")
    first = ana.get(f"/accounts/{key}").text
    assert "Show more of 25 flagged posts" in first
    seen = [one["post_id"] for one in ana.get(f"/api/v1/accounts/{key}").json()["account"]["flags"]]
    offset: int | None = len(seen)
    while offset is not None:
        part = ana.get(f"/accounts/{key}/posts?offset={offset}", headers={"hx-request": "true"}).text
        page = ana.get(f"/api/v1/accounts/{key}/flags?offset={offset}").json()
        assert all(f"the text number {one['post_id'][1:]}</div>" in part for one in page["flags"])
        seen += [one["post_id"] for one in page["flags"]]
        offset = page["next_offset"]
    assert seen == [f"p{n}" for n in range(25)]
    assert "These are all 25 flagged posts." in part
    assert "Flagged posts 11 to 20 of 25" in ana.get(f"/accounts/{key}/posts?offset=10").text
    assert ana.get(f"/accounts/{key}/posts?offset=-1").status_code == 422
    assert ana.get(f"/accounts/{'0' * 64}/posts").status_code == 404


def test_passages_are_marked_in_escaped_text_and_can_be_switched_off(desk: Desk) -> None:
    text = f"{HOSTILE_TEXT}. A tapestry of words is here. The dog likes the garden and the beach."
    desk.flag(on_platform("p1", "a1", text, 0.9999))
    address = "/flags/1/passages"
    off = desk.client("ana")
    assert "What the score depends on" not in off.get(f"/accounts/{desk.key('a1')}").text
    assert "console.passages is off" in off.get(f"/api/v1{address}").json()["detail"]
    assert off.get(address).status_code == 404
    desk.console = dataclasses.replace(desk.console, passages=PassageFinder(lambda: Counting("tapestry")))
    ana = desk.client("ana")
    assert f'hx-get="{address}"' in ana.get(f"/accounts/{desk.key('a1')}").text
    found = ana.get(f"/api/v1{address}").json()
    (strong,) = [one for one in found["passages"] if one["mark"]]
    assert text[strong["start"] : strong["end"]] == "A tapestry of words is here. "
    for headers in ({}, {"hx-request": "true"}):
        page = ana.get(address, headers=headers).text
        assert ">A tapestry of words is here. </mark>" in page
        assert "&lt;script&gt;window.pwned" in page
        assert "<script>window" not in page
        assert "U+202E" in page
    assert ("blurred" in page, "not who wrote the text" in page) == (True, True)
    assert ana.get("/flags/99/passages").status_code == 404


def test_a_post_without_an_account_has_a_page_too(desk: Desk) -> None:
    desk.flag(on_platform("n1", None, "Yes!", 0.9995))
    ana = desk.client("ana")
    opened = ana.post("/queue/next").headers["location"]
    assert "Post without account" in ana.get(opened).text


def test_of_two_people_who_change_a_note_at_once_the_second_loses_no_words(
    desk: Desk, hidden: Callable[[str, str], str]
) -> None:
    fill(desk)
    ana, bob, path = desk.client("ana"), desk.client("bob"), f"/accounts/{desk.key('a1')}"
    seen = {"seen": hidden(ana.get(path).text, "seen")}
    assert bob.post(f"{path}/note", data={"text": "A shop of four people."} | seen).status_code == 303
    refused = ana.post(f"{path}/note", data={"text": "Asked <b>legal</b>."} | seen)
    assert (refused.status_code, "another person changed the note" in refused.text) == (409, True)
    assert "A shop of four people." in refused.text
    assert "Asked &lt;b&gt;legal&lt;/b&gt;.</textarea>" in refused.text
    again = {"text": "A shop of four people. Asked legal.", "seen": hidden(refused.text, "seen")}
    assert ana.post(f"{path}/note", data=again).status_code == 303
    assert ana.get(f"/api/v1{path}").json()["account"]["note"]["text"] == again["text"]


def test_the_note_is_kept_shown_audited_and_erased(desk: Desk) -> None:
    fill(desk)
    ana, bob, key = desk.client("ana"), desk.client("bob"), desk.key("a1")
    assert ana.post(f"/accounts/{key}/note", data={"text": " A shop of four people. <b>"}).status_code == 303
    assert "A shop of four people. &lt;b&gt;" in bob.get(f"/accounts/{key}").text
    note = bob.get(f"/api/v1/accounts/{key}").json()["account"]["note"]
    assert (note["text"], note["by"]) == ("A shop of four people. <b>", "Reviewer 2")
    entries = desk.client("sam").get("/api/v1/audit").json()["entries"]
    assert [one["details"] for one in entries if one["action"] == "note_written"] == [{"note": note["text"]}]
    too_long = bob.put(f"/api/v1/accounts/{key}/note", json={"text": "x" * 2001})
    assert too_long.status_code == 422
    erase_account(desk.console.engine, PLATFORM, "a1")
    assert ana.get(f"/api/v1/accounts/{key}").json()["account"]["note"] is None
    assert ana.put(f"/api/v1/accounts/{key}/note", json={"text": "later"}).status_code == 204
    assert ana.put(f"/api/v1/accounts/{key}/note", json={"text": ""}).status_code == 204
    assert ana.get(f"/api/v1/accounts/{key}").json()["account"]["note"] is None


def test_people_see_pseudonyms_of_others_and_seniors_see_names(desk: Desk) -> None:
    fill(desk)
    ana, bob, sam, key = desk.client("ana"), desk.client("bob"), desk.client("sam"), desk.key("a1")
    assert ana.post(f"/api/v1/accounts/{key}/claim").json()["by"] == "ana"
    assert "Reviewer 2 reviews it until" in plain(bob.get(f"/accounts/{key}").text)
    assert "Reviewer 2" in bob.get("/queue").text
    refused = bob.post(f"/api/v1/accounts/{key}/claim").json()["detail"]
    assert refused.startswith("Reviewer 2 has claimed this account")
    assert "ana reviews it until" in plain(sam.get(f"/accounts/{key}").text)
    state = ana.get(f"/api/v1/accounts/{key}").json()["account"]["state"]
    sent = {"state": state, "verdict": "confirmed", "ground": "one shop, five accounts; rule 4"}
    assert ana.post(f"/api/v1/accounts/{key}/decisions", json=sent).status_code == 201
    assert [one["who"] for one in bob.get(f"/api/v1/accounts/{key}").json()["account"]["decisions"]] == ["Reviewer 2"]
    assert [one["who"] for one in ana.get(f"/api/v1/accounts/{key}").json()["account"]["decisions"]] == ["ana"]
    stale = bob.post(f"/api/v1/accounts/{key}/decisions", json=sent).json()
    assert stale["changes"][0].startswith("Reviewer 2 (reviewer) recorded")
    desk.console = dataclasses.replace(desk.console, settings=ConsoleSettings(show_names=True))
    assert "ana" in desk.client("bob").get(f"/accounts/{key}").text


def test_texts_are_blurred_until_asked_unless_settings_say_otherwise(desk: Desk) -> None:
    desk.flag(on_platform("p1", "a1", HOSTILE_TEXT, 0.9999))
    assert 'class="text blurred"' in desk.client("ana").get(f"/accounts/{desk.key('a1')}").text
    desk.console = dataclasses.replace(desk.console, settings=ConsoleSettings(blur_texts=False))
    assert "blurred" not in desk.client("ana").get(f"/accounts/{desk.key('a1')}").text


def plain(page: str) -> str:
    """A page without its isolating tags."""
    return page.replace("<bdi>", "").replace("</bdi>", "")


def test_the_follow_neighbourhood_names_flagged_accounts_and_no_others(desk: Desk) -> None:
    hostile = "<b>\u202emallory"
    followed = tuple(Followed(account_number(name), name == hostile) for name in ("stranger", hostile, "friend"))
    desk.flag(flag("p1", account_id=hostile), flag("p2", account_id="friend"))
    desk.flag(dataclasses.replace(flag("p3", account_id="centre"), followed=followed))
    desk.flag(dataclasses.replace(flag("p4", account_id="fan"), followed=(Followed(account_number("centre"), False),)))
    ana = desk.client("ana")
    page = ana.get(f"/accounts/{desk.key('centre')}").text
    page = page[page.index('id="neighbours"') :]
    assert "3 of 4 stored neighbours have a flag" in page
    assert page.count(f'href="/accounts/{desk.key("friend")}"') == 2
    assert "they follow each other, 1 open flag, flagged earlier" in page
    assert "follows this account, 1 open flag" in page
    assert "1 without a flag: it follows 1, and 0 follow each other" in page
    assert "stranger" not in page
    assert "<b>" not in page
    assert "&lt;b&gt;U+202Emallory</text>" in page
    around = ana.get(f"/api/v1/accounts/{desk.key('centre')}").json()["account"]["neighbourhood"]["neighbours"]
    assert {(one["account_id"], one["relation"], one["flagged_before"]) for one in around} == {
        (hostile, "mutual", True),
        ("friend", "follows", True),
        ("fan", "followed_by", None),
        (None, "follows", False),
    }
    assert "1 of 1 stored neighbours has a flag" in ana.get(f"/accounts/{desk.key('fan')}").text
    desk.flag(flag("p5", account_id="alone"))
    assert "No follow is stored with its flags" in ana.get(f"/accounts/{desk.key('alone')}").text
