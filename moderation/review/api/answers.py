"""Values as JSON in ASCII, so that every stored text can be sent, lone surrogates included."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import date
from typing import Any

from starlette.responses import Response

from moderation.review.api.models import Problem

PROBLEMS: Mapping[int, str] = {
    401: "no live token or session",
    403: "the role, the scopes of the token or the rules of decisions do not permit it",
    404: "no such account, flag or text",
    409: "the account changed or another person has claimed it; nothing was written",
    413: "the body is too large",
    422: "a value is not permitted",
    503: "the database or the detector does not answer; send the request again",
}


def answer(value: Any, status: int = 200) -> Response:
    """Return a value as a JSON response."""
    return Response(json.dumps(value, default=_plain, allow_nan=False), status, media_type="application/json")


def nothing() -> Response:
    """Return the response of a request that has no result."""
    return Response(status_code=204)


def problems() -> dict[int | str, dict[str, Any]]:
    """Return the documentation of the errors of a route."""
    return {
        status: {
            "description": meaning,
            "content": {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}},
        }
        for status, meaning in PROBLEMS.items()
    }


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
