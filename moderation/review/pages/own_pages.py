"""The page on which a person chooses blur, breaks and keys."""

from __future__ import annotations

from collections.abc import Mapping
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


class OwnForm(BaseModel):
    """The form; the keys are in further fields, `key-` with the key that they replace."""

    model_config = ConfigDict(extra="allow")
    blur: str = ""
    break_minutes: int = 0


@router.get("")
def own(request: Request, actor: Reader, saved: str = "") -> Response:
    """Show the choices of the person."""
    chosen = actor.preferences
    form = OwnForm(
        blur=next(name for name, value in BLUR.items() if value is chosen.blur), break_minutes=chosen.break_minutes
    )
    return _page(request, actor, form, chosen.keys, message="Saved." if saved else "")


@router.post("")
def save(request: Request, actor: Reader, form: Annotated[OwnForm, Form()]) -> Response:
    """Store the choices, or show what cannot be used."""
    sent = form.model_extra or {}
    keys = {key: str(sent.get(f"key-{key}", key)).strip() for key in KEYS}
    try:
        changed = {key: own for key, own in keys.items() if own != key}
        wanted = replace(actor.preferences, blur=BLUR.get(form.blur), break_minutes=form.break_minutes, keys=changed)
    except InvalidValue as error:
        return _page(request, actor, form, keys, message=str(error), status=422)
    save_preferences(console_of(request).engine, actor.id, wanted)
    return RedirectResponse("/own?saved=1", 303)


def _page(
    request: Request, actor: Actor, form: OwnForm, own: Mapping[str, str], *, message: str, status: int = 200
) -> Response:
    """Show a form with these choices: those that are stored, or those that were refused."""
    console = console_of(request)
    values = {
        "actor": actor,
        "message": message,
        "form": form,
        "own": own,
        "keys": KEYS,
        "most_minutes": MAX_BREAK_MINUTES,
        "site_blurs": console.settings.blur_texts,
    }
    return render(request, "own.html", values, status=status)
