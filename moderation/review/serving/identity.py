"""Who sent a request, and the action that a route needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fastapi import Request

from moderation.errors import ModerationError
from moderation.review.permissions import Action, Actor
from moderation.review.serving.console import console_of
from moderation.review.sessions import session_actor
from moderation.review.tokens import token_actor

BEARER = "bearer "


class NotSignedIn(ModerationError):
    """The request has no live session and no live token."""


class Requires:
    """A dependency that returns the actor of a request, or refuses an action that the actor may not take."""

    def __init__(self, action: Action, *, tokens: bool) -> None:
        self.action = action
        self.tokens = tokens

    def __call__(self, request: Request) -> Actor:
        """Return the actor. Raises NotSignedIn and NotPermitted."""
        actor = _actor(request, tokens=self.tokens)
        actor.require(self.action)
        return actor


def of_page(action: Action) -> Callable[[Request], Actor]:
    """Return the dependency of a page, which is reached with a session only."""
    return Requires(action, tokens=False)


def of_api(action: Action) -> Callable[[Request], Actor]:
    """Return the dependency of a route of the API, which is reached with a token or a session."""
    return Requires(action, tokens=True)


def _actor(request: Request, *, tokens: bool) -> Actor:
    return replace(_signed_in(request, tokens=tokens), names=console_of(request).settings.show_names)


def _signed_in(request: Request, *, tokens: bool) -> Actor:
    console = console_of(request)
    sent = request.headers.get("authorization")
    if tokens and sent is not None:
        found = None
        if sent.lower().startswith(BEARER):
            found = token_actor(console.engine, sent[len(BEARER) :].strip(), console.now())
        if found is None:
            raise NotSignedIn(
                "the token is unknown, has expired or was revoked; `moderation reviewers token` makes one"
            )
        return found
    cookie = request.cookies.get(console.cookie)
    if cookie is None:
        raise NotSignedIn("sign in first" if not tokens else "send a token: Authorization: Bearer TOKEN")
    actor = session_actor(console.engine, cookie, console.now())
    if actor is None:
        raise NotSignedIn("your session has ended; sign in again")
    return actor
