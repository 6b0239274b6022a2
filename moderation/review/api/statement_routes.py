"""The route of the statements of reasons."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from moderation.review.api.answers import answer, problems
from moderation.review.permissions import Action
from moderation.review.refusals import InvalidValue
from moderation.review.serving.console import console_of
from moderation.review.serving.identity import of_api
from moderation.review.statements import StatementPage, WithdrawnStatement, list_statements, withdrawn_statements

router = APIRouter(prefix="/api/v1", responses=problems())


@router.get("/statements", response_model=StatementPage, dependencies=[Depends(of_api(Action.READ_AUDIT))])
def statements(
    request: Request,
    after: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$", description="`next_after` of the page before")] = None,
    since: Annotated[datetime | None, Query(description="a time with an offset")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """List the statements of reasons for the DSA transparency database, oldest first, without withdrawn ones."""
    _require_offset(since)
    return answer(list_statements(console_of(request).engine, after=after, limit=limit, since=since))


@router.get(
    "/statements/withdrawn",
    response_model=list[WithdrawnStatement],
    dependencies=[Depends(of_api(Action.READ_AUDIT))],
)
def withdrawn(
    request: Request,
    since: Annotated[datetime | None, Query(description="withdrawn at this time or later, with an offset")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> Response:
    """List withdrawn statements with the time, oldest first: a platform that has sent one withdraws it there too."""
    _require_offset(since)
    return answer(withdrawn_statements(console_of(request).engine, since, limit))


def _require_offset(since: datetime | None) -> None:
    if since is not None and since.tzinfo is None:
        raise InvalidValue("since needs an offset, such as 2026-11-29T00:00:00Z")
