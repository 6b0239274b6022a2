"""The forms with which an account is passed on, and the form of its note."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from moderation.review.decisions import StaleDecision
from moderation.review.notes import write_note
from moderation.review.pages.account_pages import Key, Reviewing, Words, account_page, next_of_queue, to
from moderation.review.passing_on import assign, escalate
from moderation.review.permissions import Action, Actor
from moderation.review.serving.console import console_of
from moderation.review.serving.identity import of_page

router = APIRouter(prefix="/accounts/{key}")


@router.post("/escalate")
def escalate_form(request: Request, key: Key, actor: Reviewing, reason: Annotated[str, Form()] = "") -> Response:
    """Ask a senior and lead to the next account."""
    console = console_of(request)
    escalate(console.engine, actor, key, reason, console.now())
    return next_of_queue(console, actor, key, f"escalated-{key}")


@router.post("/assign")
def assign_form(
    request: Request,
    key: Key,
    actor: Annotated[Actor, Depends(of_page(Action.RELEASE))],
    person: Annotated[str, Form()] = "",
) -> Response:
    """Assign the account, or return it to the queue."""
    console = console_of(request)
    assign(console.engine, actor, key, person, console.now())
    return to("/queue", f"assigned-{key}")


@router.post("/note")
def note_form(
    request: Request,
    key: Key,
    actor: Reviewing,
    text: Annotated[Words, Form()] = "",
    seen: Annotated[str | None, Form()] = None,
) -> Response:
    """Replace the note of the account; where another person changed it, show both."""
    console = console_of(request)
    try:
        write_note(console.engine, actor, key, text, console.now(), seen=seen)
    except StaleDecision as error:
        return account_page(request, actor, key, {"note_refused": str(error), "note_words": text}, status=409)
    return to(f"/accounts/{key}", f"noted-{key}")
