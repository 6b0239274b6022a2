"""The text of one flag: complete, or with the passages that its score depends on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from moderation.errors import InputError
from moderation.review.account_flags import flag_text
from moderation.review.pages.rendering import render
from moderation.review.passages import READ_CHARS
from moderation.review.permissions import Action, Actor
from moderation.review.serving.console import console_of
from moderation.review.serving.identity import of_page

router = APIRouter(prefix="/flags/{flag_id}")
Reader = Annotated[Actor, Depends(of_page(Action.READ))]
FlagId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/text")
def text(request: Request, flag_id: FlagId, actor: Reader) -> Response:
    """Show the complete text of a flag."""
    console = console_of(request)
    key, found = flag_text(console.engine, flag_id)
    return render(request, "text.html", {"actor": actor, "key": key, "flag_id": flag_id, "text": found})


@router.get("/passages")
def passages(request: Request, flag_id: FlagId, actor: Reader) -> Response:
    """Show which passages the score depends on: a page, or the part of one for an open page."""
    console = console_of(request)
    if console.passages is None:
        raise InputError("console.passages is off, so this console does not load a detector")
    key, found = flag_text(console.engine, flag_id)
    values = {"actor": actor, "key": key, "flag_id": flag_id, "text": found[:READ_CHARS]}
    blur = actor.preferences.blur
    values |= {"found": console.passages.find(found), "more": len(found) > READ_CHARS}
    part = "hx-request" in request.headers
    values["blurred"] = part and (console.settings.blur_texts if blur is None else blur)
    return render(request, "passages.html" if part else "passages_page.html", values)
