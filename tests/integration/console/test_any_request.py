"""Whatever the OpenAPI document permits, and values that it does not, never cause a server error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core import NOT_SET

from connectors.reviewdb.audit_log import verify
from moderation.review.api.document import document
from moderation.review.permissions import SCOPE_ACTIONS
from moderation.review.tokens import NewToken, make_token
from tests.contract.samples import HOSTILE, flag
from tests.integration.console.conftest import PEOPLE, Desk

EXAMPLES = 20
"""For each operation and mode."""


def sender(desk: Desk) -> Callable[[Case, str, bool], Any]:
    """Return a function that sends a case as a person, with a known account where asked."""
    client = desk.client()
    tokens = {
        name: make_token(desk.console.engine, NewToken(name, "t", list(SCOPE_ACTIONS), 1), by="t", now=desk.clock.now)
        for name in PEOPLE
    }

    def send(case: Case, name: str, known: bool) -> Any:
        path = case.formatted_path
        if known and "{key}" in case.path:
            path = case.path.replace("{key}", desk.key(HOSTILE))
        headers = {key: value for key, value in (case.headers or {}).items() if key.lower() == "idempotency-key"}
        headers["authorization"] = f"Bearer {tokens[name]}"
        body = b"" if case.body is NOT_SET else case.body
        content = body if isinstance(body, bytes) else json.dumps(body, default=str)
        headers["content-type"] = "application/json"
        query = {name: str(value) for name, value in (case.query or {}).items()}
        return client.request(case.method, path, params=query, headers=headers, content=content)

    return send


@pytest.mark.parametrize(
    "mode",
    [GenerationMode.POSITIVE, pytest.param(GenerationMode.NEGATIVE, marks=pytest.mark.slow)],
    ids=["valid", "invalid"],
)
def test_no_request_causes_a_server_error(desk: Desk, mode: GenerationMode) -> None:
    desk.flag(*(flag(f"p{n}", account_id=f"q{n}") for n in range(5)), flag(HOSTILE, account_id=HOSTILE, text=HOSTILE))
    send = sender(desk)
    answered: dict[str, set[int]] = {}
    for result in schemathesis.openapi.from_dict(document()).get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode), st.sampled_from(sorted(PEOPLE)), st.booleans())
        def check(case: Case, name: str, known: bool) -> None:
            answer = send(case, name, known)
            assert answer.status_code < 500, (case.method, case.path, answer.text)
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json", (case.path, answer.status_code)
            answered.setdefault(f"{case.method} {case.path}", set()).add(answer.status_code)

        if mode is GenerationMode.POSITIVE or operation.definition.raw.get("parameters") or operation.body:
            check()
    assert len(answered) >= 14
    assert any(status < 300 for found in answered.values() for status in found) or mode is GenerationMode.NEGATIVE
    assert verify(desk.console.engine).problems == ()
