"""The routes of filters that a person saves."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from moderation.review.api.answers import answer, nothing, problems
from moderation.review.api.models import SentFilter
from moderation.review.permissions import Action, Actor
from moderation.review.queue import QueueFilter, own_view
from moderation.review.saved_filters import MAX_NAME_CHARS, SavedFilter, remove_filter, save_filter, saved_filters
from moderation.review.serving.console import console_of
from moderation.review.serving.identity import of_api

router = APIRouter(prefix="/api/v1/queue/filters", responses=problems())
Reader = Annotated[Actor, Depends(of_api(Action.READ))]


@router.get("", response_model=list[SavedFilter])
def saved(actor: Reader) -> Response:
    """List the own filters of the queue, by name."""
    return answer(saved_filters(actor))


@router.post("", status_code=201, response_model=SavedFilter)
def save(request: Request, actor: Reader, sent: SentFilter) -> Response:
    """Save a filter of the queue under a name, in place of an earlier one of this name."""
    wanted = QueueFilter(view=sent.view or own_view(actor), family=sent.family, min_risk=sent.min_risk)
    return answer(save_filter(console_of(request).engine, actor, sent.name, wanted), 201)


@router.delete("", status_code=204)
def remove(
    request: Request,
    actor: Reader,
    name: Annotated[str, Query(min_length=1, max_length=MAX_NAME_CHARS)],
) -> Response:
    """Remove an own filter, where there is one with this name."""
    remove_filter(console_of(request).engine, actor, name)
    return nothing()
