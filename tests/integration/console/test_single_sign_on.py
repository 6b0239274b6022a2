"""Sign-in at an OpenID Connect provider that runs: first sign-in, roles from groups, and everything that must fail."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from pydantic import ValidationError

from connectors.reviewdb.audit_log import read_entries, verify
from moderation.errors import SettingsError
from moderation.review.people import disable_person, list_people
from moderation.review.serving import oidc
from moderation.review.serving.app import open_console
from moderation.review.single_sign_on import SignInRefused, identity_of
from moderation.settings import Settings
from moderation.settings.oidc import OidcSettings
from moderation.settings.sections import ConsoleSettings
from tests.integration.console.conftest import PASSWORD, Desk

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from oidc_provider_mock import User, run_server_in_thread

CLIENT = {"client_id": "console", "client_secret": "a secret of the client"}
ROLES = {"leads": "senior", "reviewers": "reviewer"}
GROUPS = {"nora": ["staff", "reviewers"], "olga": ["staff"], "ana": ["reviewers"], "lee": ["reviewers", "leads"]}
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated")  # the provider runs in this process


@pytest.fixture
def provider() -> Iterator[str]:
    """A provider with four people; its address is the issuer."""
    people = [User(sub=name, claims={"preferred_username": name, "groups": groups}) for name, groups in GROUPS.items()]
    with run_server_in_thread(user_claims=people) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def single(desk: Desk, provider: str) -> Desk:
    """A console with single sign-on."""
    settings = OidcSettings(issuer=provider, roles=ROLES, **CLIENT)  # type: ignore[arg-type]
    desk.console = dataclasses.replace(desk.console, oidc=settings)
    return desk


def at_provider(address: str, name: str) -> str:
    """Sign in at the provider as a browser does, and return the address that it leads back to."""
    answer = httpx2.post(address, data={"sub": name}, follow_redirects=False)
    assert answer.status_code in (302, 303), answer.text
    return answer.headers["location"]


def sign_in(desk: Desk, name: str, change: Callable[[str], str] = lambda address: address) -> Any:
    """Sign in as a person, with a change of the address that the provider leads back to."""
    client = desk.client()
    begun = client.get("/sign-in/oidc?next=/quality")
    assert begun.status_code == 303, begun.text
    back = urlsplit(change(at_provider(begun.headers["location"], name)))
    answer = client.get(f"{back.path}?{back.query}", headers={"sec-fetch-site": "cross-site"})
    return client, answer


def test_the_first_sign_in_adds_the_person_with_the_role_of_the_group(single: Desk) -> None:
    client, answer = sign_in(single, "nora")
    assert (answer.status_code, answer.headers["location"]) == (303, "/quality")
    assert client.get("/api/v1/me").json()["role"] == "reviewer"
    assert sign_in(single, "nora")[1].status_code == 303
    assert [(one.name, one.role) for one in list_people(single.console.engine)][-1] == ("nora", "reviewer")
    entries = read_entries(single.console.engine, limit=100)
    assert [one["actor"] for one in entries if one["details"] == {"name": "nora", "role": "reviewer"}] == [
        "single sign-on"
    ]
    assert verify(single.console.engine).problems == ()
    assert client.post("/sign-in", data={"name": "nora", "password": "!"}).status_code == 401


def test_the_role_follows_the_groups_and_the_first_rule_wins(single: Desk) -> None:
    client, _ = sign_in(single, "lee")
    assert client.get("/api/v1/me").json()["role"] == "senior"
    only = dataclasses.replace(
        single.console, oidc=single.console.oidc.model_copy(update={"roles": {"reviewers": "viewer"}})
    )
    single.console = only
    assert sign_in(single, "lee")[0].get("/api/v1/me").json()["role"] == "viewer"
    assert client.get("/api/v1/me").json()["role"] == "viewer"


def test_people_without_a_group_disabled_or_with_the_name_of_another_are_refused(single: Desk) -> None:
    _, answer = sign_in(single, "olga")
    assert answer.status_code == 403
    assert "olga is in no group that may use the console" in answer.text
    _, answer = sign_in(single, "ana")
    assert answer.status_code == 403
    assert "there is already a person named" in answer.text
    assert sign_in(single, "nora")[1].status_code == 303
    disable_person(single.console.engine, "nora", by="tests", now=single.clock.now)
    _, answer = sign_in(single, "nora")
    assert "nora is disabled" in answer.text


@pytest.mark.parametrize(
    "change",
    [
        lambda address: address.replace("state=", "state=x"),
        lambda address: address.replace("code=", "nocode="),
        lambda address: f"{address}&error=access_denied",
    ],
)
def test_an_answer_that_does_not_belong_to_the_attempt_signs_no_person_in(
    single: Desk, change: Callable[[str], str]
) -> None:
    client, answer = sign_in(single, "nora", change)
    assert answer.status_code == 400
    assert client.get("/api/v1/me").status_code == 401


def test_a_wrong_code_or_an_answer_without_the_cookie_signs_no_person_in(single: Desk) -> None:
    client, answer = sign_in(single, "nora", lambda address: address.replace("code=", "code=x"))
    assert answer.status_code == 502
    assert "Single sign-on did not confirm who you are" in answer.text
    assert client.get("/api/v1/me").status_code == 401
    back = urlsplit(at_provider(single.client().get("/sign-in/oidc").headers["location"], "nora"))
    assert single.client().get(f"{back.path}?{back.query}").status_code == 400


def test_the_request_has_state_nonce_and_a_challenge_and_leads_back_to_a_local_page_only(single: Desk) -> None:
    client = single.client()
    begun = client.get("/sign-in/oidc?next=https://elsewhere.example/")
    sent = parse_qs(urlsplit(begun.headers["location"]).query)
    assert {"state", "nonce", "code_challenge", "code_challenge_method"} <= set(sent)
    assert sent["code_challenge_method"] == ["S256"]
    back = urlsplit(at_provider(begun.headers["location"], "nora"))
    assert client.get(f"{back.path}?{back.query}").headers["location"] == "/queue"


def test_a_provider_that_does_not_answer_or_names_another_issuer_is_reported(single: Desk, provider: str) -> None:
    for issuer in ("http://localhost:1", f"{provider}/"):
        oidc = single.console.oidc.model_copy(update={"issuer": issuer})
        single.console = dataclasses.replace(single.console, oidc=oidc)
        answer = single.client().get("/sign-in/oidc")
        assert answer.status_code == 503, issuer


def test_configuration_and_keys_are_kept_and_attempts_are_counted(
    single: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sign_in(single, "nora")[1].status_code == 303
    monkeypatch.setattr(oidc, "_json", lambda address: pytest.fail(address))
    assert sign_in(single, "nora")[1].status_code == 303
    client = single.client()
    answers = {client.get("/sign-in/oidc").status_code for _ in range(100)}
    assert answers == {303, 429}


def test_a_token_for_another_client_is_refused(single: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = oidc.jwt.decode

    def changed(*values: Any, **options: Any) -> Any:
        read = decode(*values, **options)
        read.claims |= {"aud": "other", "azp": CLIENT["client_id"]}
        return read

    monkeypatch.setattr(oidc.jwt, "decode", changed)
    assert sign_in(single, "nora")[1].status_code == 502


@pytest.mark.parametrize("groups", [None, 3, {"reviewers": 1}, [None, 3]])
def test_groups_of_another_type_are_no_group(groups: object) -> None:
    asked = OidcSettings(issuer="https://id.example", roles=ROLES, **CLIENT)  # type: ignore[arg-type]
    with pytest.raises(SignInRefused, match="is in no group"):
        identity_of({"preferred_username": "nora", "sub": "1", "groups": groups}, asked)


def test_passwords_can_be_switched_off(single: Desk) -> None:
    single.console = dataclasses.replace(single.console, settings=ConsoleSettings(password_sign_in=False))
    client = single.client()
    page = client.get("/sign-in").text
    assert "Sign in with single sign-on" in page
    assert 'type="password"' not in page
    refused = client.post("/sign-in", data={"name": "ana", "password": PASSWORD})
    assert refused.status_code == 403
    assert sign_in(single, "nora")[1].status_code == 303


def test_without_a_provider_there_is_no_single_sign_on(desk: Desk) -> None:
    assert desk.client().get("/sign-in/oidc").status_code == 404
    assert "single sign-on" not in desk.client().get("/sign-in").text
    with pytest.raises(SettingsError, match="no person can sign in"):
        open_console(Settings(console=ConsoleSettings(password_sign_in=False)))


@pytest.mark.parametrize(
    "values",
    [
        {"issuer": "http://id.example", "client_id": "c", "roles": {"g": "viewer"}},
        {"issuer": "https://id.example", "client_id": "c"},
        {"issuer": "https://id.example", "roles": {"g": "viewer"}},
        {"issuer": "https://id.example", "client_id": "c", "roles": {"g": "owner"}},
    ],
)
def test_settings_that_cannot_work_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OidcSettings(**values)
