"""The page on which a senior decides about many accounts, after a look at who is hit."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from moderation.review.account_decisions import StaleAccount
from moderation.review.bulk import BulkDecision, Member, cluster_of, decide_many, preview
from moderation.review.bulk_undo import PartlyRefused, undo_preview, withdraw_many
from moderation.review.decisions import DecisionRefused
from moderation.review.pages.account_pages import VERDICT_CHOICES, WITHDRAWN_GROUND, Words
from moderation.review.pages.queue_pages import QueueQuery
from moderation.review.pages.rendering import render
from moderation.review.permissions import Action, Actor
from moderation.review.queue import queue_page
from moderation.review.refusals import InvalidValue
from moderation.review.serving.console import console_of
from moderation.review.serving.identity import of_page
from moderation.review.serving.problems import status_of

router = APIRouter(prefix="/bulk")
DecidingMany = Annotated[Actor, Depends(of_page(Action.DECIDE_MANY))]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
LinkedWith = Annotated[str, Query(pattern="^([0-9a-f]{64})?$")]


@router.get("")
def look(
    request: Request,
    actor: DecidingMany,
    asked: Annotated[QueueQuery, Depends()],
    linked_with: LinkedWith = "",
    by: Literal["", "text"] = "",
) -> Response:
    """Show who a decision would hit: the accounts linked with one, or the first ones of the queue."""
    console = console_of(request)
    if linked_with:
        keys = cluster_of(console.engine, linked_with, by_text=by == "text")[: console.rules.bulk_limit]
    else:
        page = queue_page(console.engine, actor, asked.wanted(actor), console.now(), limit=console.rules.bulk_limit)
        keys = [item.key for item in page.items]
    return _page(request, actor, keys, BulkForm())


class BulkForm(BaseModel):
    """The form; `member` has keys and states of the accounts that are covered, `listed` the keys that are shown."""

    member: list[str] = []
    listed: list[str] = []
    verdict: str = ""
    ground: Words = ""
    policy: str = ""
    request_id: str = ""


@router.post("")
def decide(request: Request, actor: DecidingMany, form: Annotated[BulkForm, Form()]) -> Response:
    """Record the decision, or show the form again with the words and with what changed."""
    console = console_of(request)
    pairs = [value.partition(":") for value in form.member]
    members = tuple(Member(key, state) for key, _, state in pairs)
    proposed = BulkDecision(
        members, form.verdict, form.ground, form.request_id or secrets.token_urlsafe(16), form.policy
    )
    try:
        decided = decide_many(console.engine, actor, proposed, console.now(), console.rules)
    except (StaleAccount, DecisionRefused, InvalidValue) as error:
        listed = [key for key in form.listed if len(key) == 64][: console.rules.bulk_limit]
        return _page(request, actor, listed, form, refused=str(error), status=status_of(error)[0])
    return RedirectResponse(f"/queue?done=many-{decided.id}-{decided.accounts}", 303)


class UndoForm(BaseModel):
    """The form of an undo; `chosen` is set where a person chose the accounts, `member` has their keys."""

    chosen: str = ""
    member: list[str] = []


@router.post("/{number}/withdraw")
def undo(request: Request, actor: DecidingMany, number: Number, form: Annotated[UndoForm, Form()]) -> Response:
    """Withdraw the decision for all its accounts or for the chosen ones; show which ones cannot be withdrawn."""
    console = console_of(request)
    only = form.member if form.chosen else None
    try:
        withdrawn = withdraw_many(console.engine, actor, number, WITHDRAWN_GROUND, console.now(), only=only)
    except (PartlyRefused, InvalidValue) as error:
        found = undo_preview(console.engine, actor, number, console.now())
        values = {"actor": actor, "undo": found, "message": str(error) if form.chosen else ""}
        return render(request, "undo.html", values, status=status_of(error)[0])
    return RedirectResponse(f"/queue?done=undone-{number}-{withdrawn.accounts}", 303)


def _page(
    request: Request, actor: Actor, keys: list[str], form: BulkForm, *, refused: str = "", status: int = 200
) -> Response:
    console = console_of(request)
    hits = preview(console.engine, actor, keys, console.now(), console.rules) if keys else ()
    kept = {value.partition(":")[0] for value in form.member}
    values: dict[str, Any] = {
        "actor": actor,
        "hits": hits,
        "cleared": [hit for hit in hits if hit.cleared],
        "form": form,
        "chosen": kept or {hit.key for hit in hits if not hit.cleared},
        "refused": refused,
        "verdicts": VERDICT_CHOICES,
        "request_id": secrets.token_urlsafe(16),
        "templates": console.rules.templates,
        "policies": console.rules.policies,
        "limit": console.rules.bulk_limit,
    }
    return render(request, "bulk.html", values, status=status)
