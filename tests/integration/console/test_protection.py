"""Requests of other sites, large bodies, unknown hosts, many attempts to sign in, and sessions that end."""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import pytest
from argon2.exceptions import VerificationError
from sqlalchemy import Engine
from starlette.types import Message

from connectors.reviewdb.audit_log import read_entries
from moderation.errors import BundleError, SettingsError
from moderation.review import people, sessions
from moderation.review.people import set_password
from moderation.review.serving.app import open_console
from moderation.review.serving.guard import MAX_BODY_BYTES
from moderation.risk.bundle import read_manifest, write_manifest
from moderation.settings import Settings
from moderation.settings.sections import ConsoleSettings, ScoringSettings
from tests.contract.samples import flag
from tests.integration.console.conftest import PASSWORD, Desk


def test_a_form_of_another_site_is_refused(desk: Desk) -> None:
    ana = desk.client("ana")
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
        {"sec-fetch-site": "same-origin", "origin": "null"},
    ):
        answer = ana.post("/sign-out", headers=headers)
        assert answer.status_code == 403, headers
    del ana.headers["sec-fetch-site"]
    assert ana.post("/sign-out").status_code == 403
    assert ana.get("/queue").status_code == 200
    assert ana.post("/sign-out", headers={"origin": "http://localhost:8090"}).status_code == 303
    assert ana.get("/queue").status_code == 303


def test_the_api_refuses_a_cookie_from_another_site(desk: Desk) -> None:
    ana = desk.client("ana")
    headers = {"sec-fetch-site": "cross-site", "authorization": "Bearer nothing"}
    assert ana.post("/api/v1/queue/next", headers=headers).status_code == 403


def test_a_large_body_is_refused_before_it_is_read(desk: Desk) -> None:
    ana = desk.client("ana")
    whole = ana.post("/sign-in", content=b"x" * (MAX_BODY_BYTES + 1))
    assert whole.status_code == 413
    assert f"{MAX_BODY_BYTES} bytes" in whole.text
    chunks = (b"x" * 1024 for _ in range(MAX_BODY_BYTES // 1024 + 1))
    assert ana.post("/api/v1/queue/next", content=chunks).status_code == 413
    assert ana.post("/sign-in", content=b"x", headers={"content-length": "-1"}).status_code == 413


@pytest.mark.parametrize("end", ["http.disconnect", "http.request"])
def test_a_request_that_is_cut_off_is_not_executed(desk: Desk, end: str) -> None:
    desk.flag(flag("p1"))
    ana, path = desk.client("ana"), f"/accounts/{desk.key('a1')}/skip"
    headers = {
        "host": "localhost:8090",
        "sec-fetch-site": "same-origin",
        "cookie": "; ".join(f"{name}={value}" for name, value in ana.cookies.items()),
        "content-type": "application/x-www-form-urlencoded",
        "content-length": "40",
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    waiting: list[Message] = [{"type": end}, {"type": "http.request", "body": b"reason=not", "more_body": True}]
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(desk.apps[id(desk.console)](scope, receive, send))
    assert [one["status"] for one in sent if "status" in one] == ([400] if end == "http.request" else [])
    assert {one["action"] for one in read_entries(desk.console.engine, limit=9)} == {"person_added", "signed_in"}


def test_another_host_is_refused(desk: Desk) -> None:
    client = desk.client()
    assert client.get("/sign-in", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/sign-in", headers={"host": "["}).status_code == 421
    assert client.get("/healthz", headers={"host": "10.0.0.7:8090"}).status_code == 200
    for host in ("localhost:1", "127.0.0.1:8090", "[::1]:8090"):
        assert client.get("/sign-in", headers={"host": host}).status_code == 200


def test_pages_run_no_code_but_ours(desk: Desk) -> None:
    desk.flag(flag("p1"))
    ana = desk.client("ana")
    nonces = set()
    for path in ("/sign-in", "/queue", f"/accounts/{desk.key('a1')}", "/api", "/nothing"):
        answer = (desk.client() if path == "/sign-in" else ana).get(path)
        policy = answer.headers["content-security-policy"]
        found = re.search(r"script-src 'nonce-([^']+)'", policy)
        assert found is not None
        nonces.add(found[1])
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert set(re.findall(r"<script[^>]*nonce=\"([^\"]*)\"", answer.text)) == {found[1]}
        assert answer.text.count("<script") == answer.text.count("<script src=")
        assert not re.findall(r"\son\w+=|style=|(?:src|href)=\"(?:https?:)?//", answer.text)
        assert answer.headers["cache-control"] == "no-store"
    assert len(nonces) == 5


def test_attempts_to_sign_in_are_limited_by_name_and_address(desk: Desk) -> None:
    client = desk.client()
    wrong = {"name": "ana", "password": "not the password"}
    assert [client.post("/sign-in", data=wrong).status_code for _ in range(11)] == [401] * 10 + [429]
    assert client.post("/sign-in", data={"name": "ＡＮＡ", "password": PASSWORD}).status_code == 429
    assert client.post("/sign-in", data={"name": "bob", "password": PASSWORD}).status_code == 303


def test_a_session_expires_and_leads_back_to_the_page(desk: Desk) -> None:
    ana = desk.client("ana")
    desk.clock.turn(hours=12, seconds=1)
    answer = ana.get("/queue?view=held")
    assert answer.headers["location"] == "/sign-in?next=%2Fqueue%3Fview%3Dheld"
    page = ana.get(answer.headers["location"]).text
    assert "Your session has ended" in page
    data = {"name": "ana", "password": PASSWORD, "next": "/queue?view=held"}
    assert ana.post("/sign-in", data=data).headers["location"] == "/queue?view=held"
    assert ana.get("/sign-in?next=/quality").headers["location"] == "/quality"


def test_a_password_that_changes_during_the_sign_in_begins_no_session(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = sessions.verified_person

    def slow(engine: Engine, name: str, password: str) -> Any:
        found = verify(engine, name, password)
        set_password(engine, name, "another long password", by="tests", now=desk.clock.now)
        return found

    monkeypatch.setattr(sessions, "verified_person", slow)
    assert desk.client().post("/sign-in", data={"name": "ana", "password": PASSWORD}).status_code == 401


def test_few_passwords_are_verified_at_a_time_and_further_attempts_are_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: list[int] = []
    most, release = [0], threading.Event()

    class Slow:
        def verify(self, _hashed: str, _password: str) -> None:
            running.append(1)
            most.append(len(running))
            release.wait(60)
            running.pop()
            raise VerificationError

    monkeypatch.setattr(people, "HASHER", Slow())
    client = desk.client()
    with ThreadPoolExecutor(20) as threads:
        sent = {"name": "ana", "password": PASSWORD}
        attempts = [threads.submit(people.verified_person, desk.console.engine, "ana", PASSWORD) for _ in range(20)]
        refused = list(itertools.islice(as_completed(attempts), 4))
        page = client.post("/sign-in", data=sent)
        while len(running) < people.AT_ONCE:
            time.sleep(0.01)
        release.set()
    assert (page.status_code, "Too many people sign in at this moment" in page.text) == (503, True)
    assert [type(one.exception()) for one in refused] == [people.SignInBusy] * 4
    assert sum(one.exception() is None and one.result() is None for one in attempts) == 16
    assert max(most) == people.AT_ONCE


def test_a_form_that_is_refused_or_sent_after_the_session_keeps_its_words(desk: Desk) -> None:
    desk.flag(flag("p1"))
    sam, account = desk.client("sam"), f"/accounts/{desk.key('a1')}"
    refused = sam.post(f"{account}/note", data={"text": "long " * 500})
    assert (refused.status_code, refused.text.count("long ") > 400) == (422, True)
    desk.clock.turn(hours=12, seconds=1)
    forms: list[tuple[str, str, dict[str, str | list[str]]]] = [
        (f"{account}/decide", "ground", {"state": "1.0", "verdict": "confirmed"}),
        (f"{account}/note", "text", {}),
        (f"{account}/skip", "reason", {}),
        (f"{account}/hold", "reason", {"hours": "24"}),
        (f"{account}/escalate", "reason", {}),
        ("/bulk", "ground", {"member": ["a:1.0", "b:2.1"], "verdict": "confirmed"}),
        ("/steering/raises/1/end", "reason", {}),
    ]
    for path, field, sent in forms:
        answer = sam.post(path, data={**sent, field: "my <long> words"})
        assert (answer.status_code, "Sign in in another tab" in answer.text) == (401, True), path
        assert f'name="{field}" rows="5">my &lt;long&gt; words</textarea>' in answer.text
        assert f'action="{path}"' in answer.text
        for name, values in sent.items():
            for one in [values] if isinstance(values, str) else values:
                assert f'<input type="hidden" name="{name}" value="{one}">' in answer.text


def test_long_words_of_any_script_are_recorded_with_their_lines_as_they_were_written(desk: Desk) -> None:
    desk.flag(flag("p1"))
    ana, path = desk.client("ana"), f"/accounts/{desk.key('a1')}"
    note, ground = "\u6f22\n" * 1_000, "\u6f22\n" * 5_000
    assert ana.post(f"{path}/note", data={"text": note.replace("\n", "\r\n")}).status_code == 303
    sent = {"state": "1.0", "verdict": "confirmed", "ground": ground.replace("\n", "\r\n")}
    assert ana.post(f"{path}/decide", data=sent).status_code == 303
    found = ana.get(f"/api/v1{path}").json()["account"]
    assert (found["note"]["text"], found["decisions"][0]["ground"]) == (note.strip(), ground)


def test_a_part_of_an_open_page_gets_a_notice_in_its_place(desk: Desk) -> None:
    desk.flag(flag("p1"))
    ana, path = desk.client("ana"), f"/accounts/{desk.key('a1')}/presence"
    ana.get(f"/accounts/{desk.key('a1')}")
    assert "Yours until" in ana.get(path, headers={"hx-request": "true"}).text
    desk.clock.turn(hours=12, seconds=1)
    answer = ana.get(path, headers={"hx-request": "true"})
    assert (answer.status_code, "<html" in answer.text) == (401, False)
    assert "Sign in in another tab" in answer.text


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "javascript:x", "//["]
)
def test_signing_in_leads_to_no_other_site(desk: Desk, target: str) -> None:
    data = {"name": "ana", "password": PASSWORD, "next": target}
    assert desk.client().post("/sign-in", data=data).headers["location"] == "/queue"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(desk: Desk) -> None:
    data = {"name": "ana", "password": PASSWORD}
    cookie = desk.client().post("/sign-in", data=data).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    desk.console = type(desk.console)(
        desk.console.engine, ConsoleSettings(public_url="https://reviews.example"), "p", None, desk.console.now
    )
    client = desk.client()
    client.base_url = "https://reviews.example"
    secure = client.post("/sign-in", data=data, headers={"origin": "https://reviews.example"}).headers["set-cookie"]
    assert secure.startswith("__Host-moderation=")
    assert "Secure" in secure


def test_a_public_address_needs_https(database_url: str) -> None:
    settings = Settings(database_url=database_url, console=ConsoleSettings(host="0.0.0.0"))  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"console\.public_url"):
        open_console(settings)


def test_an_outdated_schema_is_refused(database_url: str) -> None:
    with pytest.raises(SettingsError, match="moderation db upgrade"):
        open_console(Settings(database_url=database_url))  # type: ignore[arg-type]


def test_a_bundle_without_the_scoring_policy_is_refused_with_what_to_do(tmp_path: Path) -> None:
    manifest, _ = read_manifest(None)
    write_manifest(tmp_path, manifest.model_copy(update={"policies": {"all": manifest.policies["all"]}}))
    settings = Settings(risk=tmp_path, scoring=ScoringSettings(policy="selective"))
    with pytest.raises(BundleError, match=r'no threshold for scoring\.policy = "selective": use one of all'):
        open_console(settings)
