"""The page on which a person chooses blur, breaks and keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import RedirectResponse, Response

from moderation.review.pages.rendering import render
from moderation.review.permissions import Action, Actor
from moderation.review.preferences import KEYS, MAX_BREAK_MINUTES, save_preferences
from moderation.review.refusals import InvalidValue
from moderation.review.serving.console import console_of
from moderation.review.serving.identity import of_page

router = APIRouter(prefix="/own")
Reader = Annotated[Actor, Depends(of_page(Action.READ))]
BLUR = {"": None, "on": True, "off": False}


@router.get("")
def own(request: Request, actor: Reader, saved: str = "") -> Response:
    """Show the choices of the person."""
    return _page(request, actor, message="Saved." if saved else "")


class OwnForm(BaseModel):
    """The form; the keys are in further fields, `key-` with the key that they replace."""

    model_config = ConfigDict(extra="allow")
    blur: str = ""
    break_minutes: int = 0


@router.post("")
def save(request: Request, actor: Reader, form: Annotated[OwnForm, Form()]) -> Response:
    """Store the choices, or show what cannot be used."""
    sent = form.model_extra or {}
    keys = {key: str(sent.get(f"key-{key}", key)).strip() for key in KEYS}
    try:
        changed = {key: own for key, own in keys.items() if own != key}
        wanted = replace(actor.preferences, blur=BLUR.get(form.blur), break_minutes=form.break_minutes, keys=changed)
    except InvalidValue as error:
        return _page(request, actor, message=str(error), status=422)
    save_preferences(console_of(request).engine, actor.id, wanted)
    return RedirectResponse("/own?saved=1", 303)


def _page(request: Request, actor: Actor, *, message: str, status: int = 200) -> Response:
    console = console_of(request)
    values = {
        "actor": actor,
        "message": message,
        "keys": KEYS,
        "most_minutes": MAX_BREAK_MINUTES,
        "site_blurs": console.settings.blur_texts,
    }
    return render(request, "own.html", values, status=status)
