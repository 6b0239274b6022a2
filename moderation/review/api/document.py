"""The OpenAPI document and a page that shows it, without code from other servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from moderation.review.api import bulk_routes, filter_routes, quality_routes, routes, statement_routes
from moderation.review.api.answers import answer
from moderation.review.api.models import Problem
from moderation.review.api.routes import VERSION
from moderation.review.pages.rendering import render

public = APIRouter()
ROUTERS = (routes.router, filter_routes.router, bulk_routes.router, quality_routes.router, statement_routes.router)
DESCRIPTION = (
    "Everything that the pages of the console do. Send `Authorization: Bearer TOKEN` with a token from "
    "`moderation reviewers token`. Errors are problem+json (RFC 9457). Times are RFC 3339 in UTC."
)


@dataclass(frozen=True)
class Operation:
    """One operation, as the page shows it."""

    method: str
    path: str
    summary: str
    parameters: tuple[str, ...]
    body: tuple[str, ...]


def document() -> dict[str, Any]:
    """Return the OpenAPI document of the API."""
    found = get_openapi(
        title="Moderation console",
        version="1",
        description=DESCRIPTION,
        routes=[route for router in ROUTERS for route in router.routes],
    )
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = found["components"]["schemas"]
    schemas["Problem"] = problem
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    found["security"] = [{"token": []}]
    return found


@public.get(f"{VERSION}/openapi.json")
def openapi(request: Request) -> Response:
    """Return the OpenAPI document."""
    return answer(request.app.state.document)


@public.get("/api")
def documentation(request: Request) -> Response:
    """Show the operations of the API."""
    described = request.app.state.document
    values = {"operations": list(operations(described)), "description": described["info"]["description"]}
    return render(request, "api.html", values)


def install(app: FastAPI) -> None:
    """Add the API and its documentation to the application."""
    app.state.document = document()
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(public, include_in_schema=False)


def operations(described: dict[str, Any]) -> Iterator[Operation]:
    """Yield the operations of a document."""
    schemas = described["components"]["schemas"]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            fields = schemas.get(name, {}).get("properties", {})
            yield Operation(
                method.upper(),
                path,
                operation.get("description", operation.get("summary", "")),
                tuple(one["name"] for one in operation.get("parameters", ()) if one["in"] != "path"),
                tuple(fields),
            )
