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
from moderation.review.statements import StatementPage, list_statements

router = APIRouter(prefix="/api/v1", responses=problems())


@router.get("/statements", response_model=StatementPage, dependencies=[Depends(of_api(Action.READ_AUDIT))])
def statements(
    request: Request,
    after: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$", description="`next_after` of the page before")] = None,
    since: Annotated[datetime | None, Query(description="a time with an offset")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """List the statements of reasons for the DSA transparency database, oldest first, without withdrawn ones."""
    if since is not None and since.tzinfo is None:
        raise InvalidValue("since needs an offset, such as 2026-11-29T00:00:00Z")
    return answer(list_statements(console_of(request).engine, after=after, limit=limit, since=since))
