"""The route of the statements of reasons."""

from __future__ import annotations

from datetime import UTC, datetime
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
Time = Annotated[
    str | None,
    Query(max_length=40, description="this time or later, with an offset", json_schema_extra={"format": "date-time"}),
]


@router.get("/statements", response_model=StatementPage, dependencies=[Depends(of_api(Action.READ_AUDIT))])
def statements(
    request: Request,
    after: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$", description="`next_after` of the page before")] = None,
    since: Time = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """List the statements of reasons for the DSA transparency database, oldest first, without withdrawn ones."""
    return answer(list_statements(console_of(request).engine, after=after, limit=limit, since=_time(since)))


@router.get(
    "/statements/withdrawn",
    response_model=list[WithdrawnStatement],
    dependencies=[Depends(of_api(Action.READ_AUDIT))],
)
def withdrawn(
    request: Request,
    since: Time = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> Response:
    """List withdrawn statements with the time, oldest first: a platform that has sent one withdraws it there too."""
    return answer(withdrawn_statements(console_of(request).engine, _time(since), limit))


def _time(sent: str | None) -> datetime | None:
    """Return a time in UTC. Raises InvalidValue: a number such as 2026 is no time, and a time needs an offset."""
    if sent is None:
        return None
    try:
        moment = datetime.fromisoformat(sent)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidValue(f"since must be a time with an offset, such as 2026-11-29T00:00:00Z, got {sent!r}")
