"""The pages on which people sign in and out."""

from __future__ import annotations

import logging
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from moderation.review.pages.rendering import render
from moderation.review.people import MAX_NAME_CHARS, MAX_PASSWORD_CHARS, name_key
from moderation.review.permissions import Action, Actor
from moderation.review.serving.console import WINDOW_MIN, console_of
from moderation.review.serving.identity import of_page
from moderation.review.sessions import session_actor, sign_in, sign_out

log = logging.getLogger(__name__)
router = APIRouter()
ENDED = "Your session has ended. Sign in again."
WRONG = "The name or the password is wrong."
TOO_MANY = f"Too many attempts. Wait {WINDOW_MIN} minutes, then try again."


@router.get("/sign-in")
def sign_in_page(request: Request, next: str = "/queue") -> Response:  # the name in the address
    """Show the form."""
    ended = console_of(request).cookie in request.cookies
    values = {"next": local_target(next), "message": ENDED if ended else None, "name": ""}
    return render(request, "sign_in.html", values)


@router.post("/sign-in")
def sign_in_form(
    request: Request,
    name: Annotated[str, Form(max_length=MAX_NAME_CHARS)],
    password: Annotated[str, Form(max_length=MAX_PASSWORD_CHARS)],
    next: Annotated[str, Form()] = "/queue",
) -> Response:
    """Begin a session, or show the form again."""
    console = console_of(request)
    address = request.client.host if request.client else "unknown"
    if not console.sign_in_limits.permit(name_key(name), address):
        return _again(request, name, next, TOO_MANY, 429)
    lasts = console.session_lasts
    token = sign_in(console.engine, name, password, now=console.now(), lasts=lasts)
    if token is None:
        log.warning("sign_in_refused", extra={"fields": {"address": address}})
        return _again(request, name, next, WRONG, 401)
    response = RedirectResponse(local_target(next), 303)
    seconds = int(lasts.total_seconds())
    response.set_cookie(
        console.cookie, token, max_age=seconds, path="/", secure=console.secure, httponly=True, samesite="lax"
    )
    return response


@router.post("/sign-out")
def sign_out_form(request: Request, actor: Annotated[Actor, Depends(of_page(Action.SIGN_OUT))]) -> Response:
    """End the session."""
    console = console_of(request)
    sign_out(console.engine, actor, request.cookies[console.cookie], console.now())
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(console.cookie, path="/", secure=console.secure, httponly=True, samesite="lax")
    return response


@router.get("/")
def start(request: Request) -> Response:
    """Lead to the queue, or to the sign-in page."""
    console = console_of(request)
    cookie = request.cookies.get(console.cookie)
    known = cookie is not None and session_actor(console.engine, cookie, console.now()) is not None
    return RedirectResponse("/queue" if known else "/sign-in", 303)


def local_target(target: str) -> str:
    """Return a path of this console; the queue for an address of another site."""
    try:
        parts = urlsplit(target) if target.isprintable() and "\\" not in target else None
    except ValueError:
        return "/queue"
    if parts is None or parts.scheme or parts.netloc or not target.startswith("/") or target.startswith("//"):
        return "/queue"
    return target


def _again(request: Request, name: str, target: str, message: str, status: int) -> Response:
    return render(
        request, "sign_in.html", {"next": local_target(target), "message": message, "name": name}, status=status
    )
