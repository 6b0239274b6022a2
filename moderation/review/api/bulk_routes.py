"""The routes of decisions about many accounts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Request
from starlette.responses import Response

from moderation.review.api.answers import answer, problems
from moderation.review.api.models import SentBulk, SentManyWithdrawal, SentPreview
from moderation.review.bulk import (
    BulkDecision,
    DecidedMany,
    Hit,
    Member,
    cluster_of,
    decide_many,
    preview,
)
from moderation.review.bulk_undo import Undo, undo_preview, withdraw_many
from moderation.review.idempotency import MAX_KEY_CHARS
from moderation.review.permissions import Action, Actor
from moderation.review.refusals import InvalidValue
from moderation.review.serving.console import console_of
from moderation.review.serving.identity import of_api

router = APIRouter(prefix="/api/v1/decisions", responses=problems())
DecidingMany = Annotated[Actor, Depends(of_api(Action.DECIDE_MANY))]
Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="`id` of the decision")]


@router.post("/preview", response_model=list[Hit])
def look(request: Request, actor: DecidingMany, sent: SentPreview) -> Response:
    """Return who a decision about these accounts would hit, and who was cleared before."""
    console = console_of(request)
    linked = [] if sent.linked_with is None else cluster_of(console.engine, sent.linked_with, by_text=sent.by == "text")
    keys = list(dict.fromkeys([*sent.keys, *linked]))[: console.rules.bulk_limit]
    return answer(preview(console.engine, actor, keys, console.now(), console.rules))


@router.post("", status_code=201, response_model=DecidedMany)
def decide(
    request: Request,
    actor: DecidingMany,
    sent: SentBulk,
    idempotency_key: Annotated[str, Header(min_length=1, max_length=MAX_KEY_CHARS)],
) -> Response:
    """Decide about all open flags of several accounts, or about none. `Idempotency-Key` is required."""
    console = console_of(request)
    members = tuple(Member(one.key, one.state) for one in sent.members)
    proposed = BulkDecision(members, sent.verdict, sent.ground, idempotency_key, sent.policy)
    return answer(decide_many(console.engine, actor, proposed, console.now(), console.rules), 201)


@router.get("/{number}", response_model=Undo)
def covered(request: Request, actor: DecidingMany, number: Number) -> Response:
    """Return the accounts of an own decision about many, and which of them an undo reaches."""
    console = console_of(request)
    return answer(undo_preview(console.engine, actor, number, console.now()))


@router.post("/{number}/withdrawals", status_code=201, response_model=DecidedMany)
def undo(request: Request, actor: DecidingMany, number: Number, sent: SentManyWithdrawal) -> Response:
    """Withdraw an own decision about many accounts, at most an hour after it: for all, or for the given ones."""
    if not sent.ground.strip():
        raise InvalidValue("the ground is empty; write why the decision is withdrawn")
    console = console_of(request)
    return answer(withdraw_many(console.engine, actor, number, sent.ground, console.now(), only=sent.keys), 201)
