"""Errors as responses: problem+json (RFC 9457) for programs, a page for people."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moderation.errors import (
    ConnectionLost,
    DatabaseUnusable,
    DetectorOverdue,
    InputError,
    ModerationError,
    SettingsError,
)
from moderation.review.account_decisions import StaleAccount
from moderation.review.claims import ClaimedByOther
from moderation.review.decisions import DecisionRefused, StaleDecision
from moderation.review.passages import DetectorBusy
from moderation.review.permissions import NotPermitted
from moderation.review.refusals import InvalidValue
from moderation.review.serving.identity import NotSignedIn

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5
DATABASE_UNAVAILABLE = (
    "the database does not answer as it should; try again, and if that fails, check the log of the console"
)
KINDS: tuple[tuple[type[ModerationError], int, str], ...] = (
    (NotSignedIn, 401, "not-signed-in"),
    (NotPermitted, 403, "not-permitted"),
    (DecisionRefused, 403, "decision-refused"),
    (StaleDecision, 409, "stale"),
    (ClaimedByOther, 409, "claimed"),
    (InvalidValue, 422, "invalid-value"),
    (DatabaseUnusable, 503, "database-unavailable"),
    (InputError, 404, "not-found"),
    (ConnectionLost, 503, "database-unavailable"),
    (DetectorBusy, 503, "detector-busy"),
    (DetectorOverdue, 503, "detector-busy"),
)
"""Status and type of each error; the first one that matches holds."""
WORDS: Mapping[str, tuple[str, str]] = {
    "decide": ("ground", "Ground"),
    "bulk": ("ground", "Ground"),
    "note": ("text", "Note"),
    **dict.fromkeys(("skip", "hold", "escalate", "end"), ("reason", "Reason")),
}
"""The field of a form in which a person writes, and its label, by the last part of the address of the form."""
MOST_FIELDS = 500
"""More than the largest form has, which is a decision about many accounts; further fields are not sent back."""


def install(app: FastAPI) -> None:
    """Turn every error of the application into a response."""
    app.add_exception_handler(ModerationError, _moderation_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _defect)


def status_of(error: ModerationError) -> tuple[int, str]:
    """Return status and type of an error."""
    return next(((status, kind) for cls, status, kind in KINDS if isinstance(error, cls)), (500, "error"))


def problem_response(
    request: Request, status: int, kind: str, detail: str, more: Mapping[str, Any] | None = None
) -> Response:
    """Return an error as problem+json, or as a page where a person asked."""
    headers = {"retry-after": str(RETRY_AFTER_S)} if status == 503 else {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if request.url.path.startswith("/api/"):
        body = {"type": f"urn:moderation:problem:{kind}", "title": _title(status), "status": status, "detail": detail}
        return Response(json.dumps(body | dict(more or {})), status, headers, media_type="application/problem+json")
    from moderation.review.pages.rendering import render

    if "hx-request" in request.headers:
        # An open page refreshes a part of itself: its other parts, such as words that a person writes, stay.
        return render(request, "notice.html", {"detail": detail, "sign_in": status == 401}, status=status)
    values = {"status": status, "title": _title(status), "detail": detail, **(more or {})}
    response = render(request, "error.html", values, status=status)
    response.headers.update(headers)
    return response


def _title(status: int) -> str:
    return HTTPStatus(status).phrase


async def _moderation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ModerationError)  # nosec B101  # narrows a type; checked before
    status, kind = status_of(error)
    detail = str(error)
    misconfigured = status == 500 and isinstance(error, SettingsError)
    if misconfigured or isinstance(error, ConnectionLost | DatabaseUnusable):
        # The message contains the user, the host and the name of the database.
        log.warning("database_unavailable", extra={"fields": {"error": detail}})
        detail = DATABASE_UNAVAILABLE
    elif status == 500:
        log.error("request_failed", exc_info=error)
    more: dict[str, Any] = {}
    if not request.url.path.startswith("/api/"):
        more = _unsent_form(request)
        if status == 401 and not more and "hx-request" not in request.headers:
            return _to_sign_in(request)
    if isinstance(error, StaleAccount):
        more = {"changes": list(error.changes), "state": error.state}
    return problem_response(request, status, kind, detail, more)


def _unsent_form(request: Request) -> dict[str, Any]:
    """Return the values of a form with words that could not be processed, so that a person can send it again."""
    field, label = WORDS.get(request.url.path.rpartition("/")[2], ("", ""))
    if request.method != "POST" or not field:
        return {}
    sent = parse_qsl(request.scope["state"]["body"].decode("utf-8", "replace"))
    words = dict(sent).get(field)
    if words is None:
        return {}
    others = [(name, value) for name, value in sent if name != field]
    return {"retry": {"field": field, "label": label, "words": words, "others": others[:MOST_FIELDS]}}


def _to_sign_in(request: Request) -> Response:
    """Redirect to the sign-in page, which leads back to a page that was read; a form is not sent again."""
    target = "/sign-in"
    if request.method == "GET":
        query = f"?{request.url.query}" if request.url.query else ""
        target += f"?next={quote(request.url.path + query, safe='')}"
    return RedirectResponse(target, 303)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # nosec B101  # narrows a type; checked before
    found = [{"where": ".".join(map(str, one["loc"])), "problem": str(one["msg"])} for one in error.errors()]
    detail = "; ".join(f"{one['where']}: {one['problem']}" for one in found[:5])
    return problem_response(request, 422, "invalid-value", detail, {"errors": found})


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # nosec B101  # narrows a type; checked before
    detail = "there is nothing at this address" if error.status_code == 404 else str(error.detail)
    response = problem_response(request, error.status_code, "http", detail)
    response.headers.update(error.headers or {})
    return response


async def _defect(request: Request, error: Exception) -> Response:
    log.error("request_failed", exc_info=error)
    return problem_response(request, 500, "defect", "this is a defect of the console; its log has the details")
