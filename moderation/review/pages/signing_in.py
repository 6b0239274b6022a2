"""The pages on which people sign in and out."""

from __future__ import annotations

import logging
import secrets
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from moderation.review.pages.rendering import render
from moderation.review.people import MAX_NAME_CHARS, MAX_PASSWORD_CHARS, SignInBusy, name_key
from moderation.review.permissions import Action, Actor
from moderation.review.serving import oidc
from moderation.review.serving.console import WINDOW_MIN, Console, console_of
from moderation.review.serving.identity import of_page
from moderation.review.sessions import session_actor, sign_in, sign_out
from moderation.review.single_sign_on import SignInRefused, identity_of, sign_in_person

log = logging.getLogger(__name__)
router = APIRouter()
ENDED = "Your session has ended. Sign in again."
WRONG = "The name or the password is wrong."
UNREACHABLE = "Single sign-on did not confirm who you are. Try again; the log of the console has the reason."
NOT_FINISHED = "The sign-in was not finished, or it took too long. Try again."
NO_PASSWORDS = "Passwords are off; use single sign-on."
ATTEMPT_S = 600
TOO_MANY = f"Too many attempts. Wait {WINDOW_MIN} minutes, then try again."


@router.get("/sign-in")
def sign_in_page(request: Request, next: str = "/queue") -> Response:  # the name in the address
    """Show the form, or lead on where the session lasts."""
    if _has_session(request):
        return RedirectResponse(local_target(next), 303)
    ended = console_of(request).cookie in request.cookies
    return _form(request, local_target(next), ENDED if ended else None)


@router.post("/sign-in")
def sign_in_form(
    request: Request,
    name: Annotated[str, Form(max_length=MAX_NAME_CHARS)],
    password: Annotated[str, Form(max_length=MAX_PASSWORD_CHARS)],
    next: Annotated[str, Form()] = "/queue",
) -> Response:
    """Begin a session, or show the form again."""
    console = console_of(request)
    if not console.settings.password_sign_in:
        return _again(request, name, next, NO_PASSWORDS, 403)
    address = request.client.host if request.client else "unknown"
    if not console.sign_in_limits.permit(name_key(name), address):
        return _again(request, name, next, TOO_MANY, 429)
    lasts = console.session_lasts
    try:
        token = sign_in(console.engine, name, password, now=console.now(), lasts=lasts)
    except SignInBusy as busy:
        return _again(request, name, next, f"{busy}.".capitalize(), 503)
    if token is None:
        log.warning("sign_in_refused", extra={"fields": {"address": address}})
        return _again(request, name, next, WRONG, 401)
    return _signed_in(console, token, next)


@router.get("/sign-in/oidc")
def begin_oidc(request: Request, next: str = "/queue") -> Response:
    """Lead to the provider of single sign-on."""
    console = console_of(request)
    if not console.oidc.issuer:
        raise HTTPException(404)
    if not _permitted(request, "begin"):
        return _form(request, local_target(next), TOO_MANY, 429)
    try:
        address, attempt = oidc.begin(console.oidc, _callback(request), local_target(next))
    except oidc.ProviderFailed as error:
        log.warning("sign_in_provider_failed", extra={"fields": {"error": str(error)}})
        return _form(request, local_target(next), UNREACHABLE, 503)
    response = RedirectResponse(address, 303)
    response.set_cookie(
        *(f"{console.cookie}-oidc", attempt.encoded(), ATTEMPT_S),
        path="/",
        secure=console.secure,
        httponly=True,
        samesite="lax",
    )
    return response


def _permitted(request: Request, step: str) -> bool:
    address = request.client.host if request.client else "unknown"
    return console_of(request).sign_in_limits.permit_step(step, address)


@router.get("/sign-in/oidc/callback")
def finish_oidc(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
    """Begin a session for the person whom the provider sends back."""
    console = console_of(request)
    attempt = oidc.Attempt.decoded(request.cookies.get(f"{console.cookie}-oidc", ""))
    if attempt is None or not code or error or not secrets.compare_digest(attempt.state.encode(), state.encode()):
        return _form(request, "/queue", NOT_FINISHED, 400)
    if not _permitted(request, "finish"):
        return _form(request, "/queue", TOO_MANY, 429)
    try:
        claims = oidc.finish(console.oidc, _callback(request), attempt, code)
        found = identity_of(claims, console.oidc)
        token = sign_in_person(console.engine, found, now=console.now(), lasts=console.session_lasts)
    except oidc.ProviderFailed as failed:
        log.warning("sign_in_provider_failed", extra={"fields": {"error": str(failed)}})
        return _form(request, "/queue", UNREACHABLE, 502)
    except SignInRefused as refused:
        log.warning("sign_in_refused", extra={"fields": {"error": str(refused)}})
        return _form(request, "/queue", f"You cannot use this console: {refused}.", 403)
    response = _signed_in(console, token, attempt.target)
    response.delete_cookie(f"{console.cookie}-oidc", path="/", secure=console.secure, httponly=True, samesite="lax")
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
    return RedirectResponse("/queue" if _has_session(request) else "/sign-in", 303)


def _has_session(request: Request) -> bool:
    console = console_of(request)
    cookie = request.cookies.get(console.cookie)
    return cookie is not None and session_actor(console.engine, cookie, console.now()) is not None


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
    return _form(request, local_target(target), message, status, name)


def _form(request: Request, target: str, message: str | None, status: int = 200, name: str = "") -> Response:
    console = console_of(request)
    values = {"next": target, "message": message, "name": name, "oidc": bool(console.oidc.issuer)}
    return render(request, "sign_in.html", values | {"passwords": console.settings.password_sign_in}, status=status)


def _signed_in(console: Console, token: str, target: str) -> Response:
    response = RedirectResponse(local_target(target), 303)
    seconds = int(console.session_lasts.total_seconds())
    response.set_cookie(
        console.cookie, token, max_age=seconds, path="/", secure=console.secure, httponly=True, samesite="lax"
    )
    return response


def _callback(request: Request) -> str:
    base = console_of(request).settings.public_url or f"http://{request.headers['host']}"
    return f"{base}/sign-in/oidc/callback"
