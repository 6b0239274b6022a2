"""The complete matrix of roles and routes: what a role may not do is refused, and every route names its action."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import APIRoute

from moderation.review.people import NewPerson, add_person
from moderation.review.permissions import ROLE_ACTIONS, SCOPE_ACTIONS, Action
from moderation.review.serving.app import routes
from moderation.review.serving.identity import Requires
from moderation.review.tokens import NewToken, make_token
from tests.contract.samples import flag
from tests.integration.console.conftest import PASSWORD, PEOPLE, Desk

PUBLIC = {"GET /sign-in", "POST /sign-in", "GET /", "GET /healthz", "GET /api", "GET /api/v1/openapi.json"}
PUBLIC |= {"GET /sign-in/oidc", "GET /sign-in/oidc/callback"}
"""Routes that need no session and no token; they show no data of the database."""

EXPECTED: dict[str, str] = {
    "POST /sign-out": "viewer reviewer senior appeals admin",
    "GET /queue": "viewer reviewer senior appeals admin",
    "POST /queue/filters": "viewer reviewer senior appeals admin",
    "POST /queue/filters/remove": "viewer reviewer senior appeals admin",
    "GET /api/v1/queue/filters": "viewer reviewer senior appeals admin",
    "POST /api/v1/queue/filters": "viewer reviewer senior appeals admin",
    "DELETE /api/v1/queue/filters": "viewer reviewer senior appeals admin",
    "GET /queue/rows": "viewer reviewer senior appeals admin",
    "GET /find": "viewer reviewer senior appeals admin",
    "GET /accounts/{key}": "viewer reviewer senior appeals admin",
    "GET /accounts/{key}/posts": "viewer reviewer senior appeals admin",
    "GET /api/v1/accounts/{key}/flags": "viewer reviewer senior appeals admin",
    "GET /accounts/{key}/presence": "viewer reviewer senior appeals admin",
    "GET /flags/{flag_id}/text": "viewer reviewer senior appeals admin",
    "GET /flags/{flag_id}/passages": "viewer reviewer senior appeals admin",
    "GET /api/v1/flags/{flag_id}/passages": "viewer reviewer senior appeals admin",
    "POST /queue/next": "reviewer senior appeals",
    "POST /accounts/{key}/skip": "reviewer senior appeals",
    "POST /accounts/{key}/hold": "reviewer senior appeals",
    "POST /accounts/{key}/end-hold": "reviewer senior appeals",
    "POST /accounts/{key}/release": "reviewer senior appeals",
    "POST /accounts/{key}/decide": "reviewer senior appeals",
    "POST /accounts/{key}/withdraw": "reviewer senior appeals",
    "POST /accounts/{key}/escalate": "reviewer senior appeals",
    "POST /accounts/{key}/assign": "senior",
    "GET /bulk": "senior",
    "POST /bulk": "senior",
    "POST /bulk/{number}/withdraw": "senior",
    "POST /api/v1/accounts/{key}/escalation": "reviewer senior appeals",
    "PUT /api/v1/accounts/{key}/assignment": "senior",
    "POST /api/v1/decisions": "senior",
    "POST /api/v1/decisions/preview": "senior",
    "POST /api/v1/decisions/{number}/withdrawals": "senior",
    "GET /api/v1/decisions/{number}": "senior",
    "GET /blind": "reviewer senior appeals",
    "POST /blind/{item}": "reviewer senior appeals",
    "POST /blind/{item}/golden": "senior",
    "GET /own": "viewer reviewer senior appeals admin",
    "POST /own": "viewer reviewer senior appeals admin",
    "GET /steering": "viewer reviewer senior appeals admin",
    "GET /api/v1/steering": "viewer reviewer senior appeals admin",
    "POST /steering/raises/{number}/end": "senior",
    "POST /api/v1/threshold/raises/{number}/end": "senior",
    "GET /api/v1/threshold/raises": "viewer reviewer senior appeals admin",
    "GET /api/v1/drift": "viewer reviewer senior appeals admin",
    "GET /quality": "viewer reviewer senior appeals admin",
    "GET /api/v1/blind/next": "reviewer senior appeals",
    "POST /api/v1/blind/{item}/verdicts": "reviewer senior appeals",
    "PUT /api/v1/golden/{item}": "senior",
    "GET /api/v1/statements": "senior admin",
    "GET /api/v1/statements/withdrawn": "senior admin",
    "GET /api/v1/search": "viewer reviewer senior appeals admin",
    "GET /api/v1/quality": "viewer reviewer senior appeals admin",
    "POST /accounts/{key}/note": "reviewer senior appeals",
    "PUT /api/v1/accounts/{key}/note": "reviewer senior appeals",
    "GET /audit": "senior admin",
    "GET /people": "admin",
    "GET /api/v1/me": "viewer reviewer senior appeals admin",
    "GET /api/v1/queue": "viewer reviewer senior appeals admin",
    "GET /api/v1/accounts": "viewer reviewer senior appeals admin",
    "GET /api/v1/accounts/{key}": "viewer reviewer senior appeals admin",
    "POST /api/v1/accounts/{key}/visit": "viewer reviewer senior appeals admin",
    "GET /api/v1/flags/{flag_id}/text": "viewer reviewer senior appeals admin",
    "POST /api/v1/queue/next": "reviewer senior appeals",
    "POST /api/v1/accounts/{key}/claim": "reviewer senior appeals",
    "DELETE /api/v1/accounts/{key}/claim": "reviewer senior appeals",
    "POST /api/v1/accounts/{key}/skip": "reviewer senior appeals",
    "PUT /api/v1/accounts/{key}/hold": "reviewer senior appeals",
    "DELETE /api/v1/accounts/{key}/hold": "reviewer senior appeals",
    "POST /api/v1/accounts/{key}/decisions": "reviewer senior appeals",
    "POST /api/v1/accounts/{key}/withdrawals": "reviewer senior appeals",
    "POST /api/v1/accounts/{key}/appeals": "senior appeals admin",
    "GET /api/v1/metrics": "viewer reviewer senior appeals admin",
    "GET /api/v1/audit": "senior admin",
    "GET /api/v1/people": "admin",
}
"""The roles that may use each route. Written out, so that a change of the matrix is seen in a review."""

REFUSED_WORDS = "may not do this"


def found_routes(desk: Desk) -> list[APIRoute]:
    """All routes of the application but the static files."""
    waiting: list[Any] = list(routes(desk.console).routes)
    found: list[APIRoute] = []
    while waiting:
        route = waiting.pop()
        if isinstance(route, APIRoute):
            found.append(route)
        waiting += getattr(getattr(route, "original_router", None), "routes", [])
    return found


def named(route: APIRoute) -> str:
    """The method and path of a route."""
    (method,) = route.methods
    return f"{method} {route.path}"


def test_every_route_names_its_action_or_is_public(desk: Desk) -> None:
    actions = {
        named(route): [one.call.action for one in route.dependant.dependencies if isinstance(one.call, Requires)]
        for route in found_routes(desk)
    }
    assert {name for name, found in actions.items() if not found} == PUBLIC
    assert {name for name, found in actions.items() if len(found) == 1} == set(EXPECTED)
    roles = {
        name: {role for role, permitted in ROLE_ACTIONS.items() if found[0] in permitted}
        for name, found in actions.items()
        if found
    }
    assert roles == {name: set(allowed.split()) for name, allowed in EXPECTED.items()}


def test_each_role_reaches_exactly_the_routes_of_its_row(desk: Desk) -> None:
    desk.flag(flag("p1"))
    key = desk.key("a1")
    for name, role in PEOPLE.items():
        client = desk.client(name)
        for route, allowed in EXPECTED.items():
            method, path = (
                route.replace("{key}", key)
                .replace("{flag_id}", "1")
                .replace("{number}", "1")
                .replace("{item}", "0" * 64)
                .split()
            )
            if path == "/sign-out":
                continue
            if path.endswith("/find") or path == "/api/v1/accounts":
                path += "?account=a1&account_id=a1"
            answer = client.request(method, path)
            assert (REFUSED_WORDS in answer.text) == (role not in allowed.split()), (route, role, answer.text)
            assert answer.status_code < 500, (route, role)
            assert (answer.status_code == 403) >= (role not in allowed.split()), (route, role)


def test_without_a_session_every_page_leads_to_the_sign_in_page_and_the_api_refuses(desk: Desk) -> None:
    client = desk.client()
    for route in EXPECTED:
        method, path = (
            route.replace("{key}", "0" * 64)
            .replace("{flag_id}", "1")
            .replace("{number}", "1")
            .replace("{item}", "0" * 64)
            .split()
        )
        answer = client.request(method, path)
        if path.startswith("/api/"):
            assert answer.status_code == 401, route
            assert answer.headers["content-type"] == "application/problem+json", route
        else:
            assert answer.headers["location"].startswith("/sign-in"), route


@pytest.mark.parametrize("scope", sorted(SCOPE_ACTIONS))
def test_a_token_does_no_more_than_its_scopes_and_its_role(desk: Desk, scope: str) -> None:
    desk.flag(flag("p1"))
    engine, now = desk.console.engine, desk.clock.now
    add_person(engine, NewPerson("eve", "senior", PASSWORD), by="tests", now=now)
    token = make_token(engine, NewToken("eve", "test", [scope], 1), by="tests", now=now)
    client = desk.client()
    actions = {named(route): route for route in found_routes(desk)}
    for name in (name for name in EXPECTED if "/api/v1/" in name):
        (action,) = [one.call.action for one in actions[name].dependant.dependencies if isinstance(one.call, Requires)]
        method, path = (
            name.replace("{key}", desk.key("a1"))
            .replace("{flag_id}", "1")
            .replace("{number}", "1")
            .replace("{item}", "0" * 64)
            .split()
        )
        answer = client.request(method, path, headers={"authorization": f"Bearer {token}"})
        permitted = action in SCOPE_ACTIONS[scope] and action in ROLE_ACTIONS["senior"]
        assert (answer.status_code == 403) == (not permitted), (name, answer.text)
    assert client.get("/queue", headers={"authorization": f"Bearer {token}"}).status_code == 303
    desk.clock.turn(days=1, seconds=1)
    assert client.get("/api/v1/me", headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_every_action_is_needed_by_a_role_and_a_scope() -> None:
    assert set(Action) == set().union(*ROLE_ACTIONS.values())
    assert set(Action) - {Action.SIGN_OUT} == set().union(*SCOPE_ACTIONS.values())
