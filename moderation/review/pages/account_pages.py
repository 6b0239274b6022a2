"""The page of an account and what a reviewer does there."""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Request
from pydantic import AfterValidator, BaseModel
from starlette.responses import RedirectResponse, Response

from moderation.review.account_decisions import (
    AccountDecision,
    StaleAccount,
    decide_account,
    withdraw,
)
from moderation.review.account_flags import read_flags
from moderation.review.accounts import Account, account_line, read_account
from moderation.review.appeals import KIND_WORDS
from moderation.review.claims import (
    HOLD_HOURS,
    Claimed,
    ClaimedByOther,
    Hold,
    UnknownAccount,
    claim_next,
    claim_of,
    end_hold,
    hold,
    open_account,
    release,
    skip,
)
from moderation.review.decisions import VERDICTS, DecisionRefused
from moderation.review.explanation import explain, refusal_before
from moderation.review.neighbour_picture import neighbour_svg
from moderation.review.notes import MAX_NOTE_CHARS, note_state
from moderation.review.pages.rendering import VERDICT_WORDS, render
from moderation.review.permissions import Action, Actor
from moderation.review.queue import QueueFilter, own_view
from moderation.review.refusals import InvalidValue
from moderation.review.serving.console import Console, console_of
from moderation.review.serving.identity import of_page
from moderation.review.serving.problems import status_of
from moderation.review.timeline import timeline_svg
from moderation.review.value_plot import plotted, typing_svg

router = APIRouter(prefix="/accounts/{key}")
KEY = re.compile("[0-9a-f]{64}")
Key = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
Words = Annotated[str, AfterValidator(lambda sent: sent.replace("\r\n", "\n"))]
"""Words of a person, with line ends as they were counted on the page: a browser sends each as two characters."""
Reader = Annotated[Actor, Depends(of_page(Action.READ))]
Reviewing = Annotated[Actor, Depends(of_page(Action.REVIEW))]
Deciding = Annotated[Actor, Depends(of_page(Action.DECIDE))]
SHOWN_CHARS = 4_000
POSTS_FIRST = 4
VERDICT_CHOICES = tuple((verdict, VERDICT_WORDS[verdict].capitalize()) for verdict in VERDICTS)
DONE = {
    "decided": "Recorded: {verdict}, about",
    "appeal": "Recorded on appeal: {verdict}, about",
    "first_verdict": "Your verdict is held until another person has decided, about",
    "escalated": "A senior decides about",
    "withdrawn": "The decision is withdrawn, and the flags are open again:",
    "skipped": "Skipped:",
    "held": "On hold:",
    "assigned": "Passed on:",
    "noted": "The note is kept with",
}
MANY = re.compile("(many|undone)-([0-9]{1,18})-([0-9]{1,4})")
MANY_DONE = {
    "many": ("Recorded about {count} accounts.", True),
    "undone": ("The decision is withdrawn, and the flags of {count} accounts are open again.", False),
}
WITHDRAWN_GROUND = "undone by the person who decided"


@router.get("")
def account(request: Request, key: Key, actor: Reader, done: str = "") -> Response:
    """Show an account; opening it claims it where it is free and has open flags."""
    return account_page(request, actor, key, {"done": done_notice(console_of(request), done)})


@router.get("/presence")
def presence(request: Request, key: Key, actor: Reader) -> Response:
    """Renew visit and claim of an open page, and return who else is there."""
    console = console_of(request)
    others = open_account(console.engine, actor, key, console.now(), only_renew=True)
    claim = claim_of(console.engine, actor, key, console.now())
    return render(request, "presence.html", {"actor": actor, "claim": claim, "others": others})


@dataclass(frozen=True)
class ShownPosts:
    """How posts are shown: blurred until asked, cut after some characters, with or without passages."""

    blurred: bool
    passages: bool
    shown_chars: int = SHOWN_CHARS


def shown_posts(console: Console, actor: Actor) -> ShownPosts:
    """Return how a person sees posts."""
    blur = actor.preferences.blur
    return ShownPosts(console.settings.blur_texts if blur is None else blur, console.passages is not None)


@router.get("/posts")
def posts(request: Request, key: Key, actor: Reader, offset: int = 0) -> Response:
    """Show further flagged posts of the account: a page, or the part of one for an open page."""
    console = console_of(request)
    flags, count = read_flags(console.engine, key, offset)
    part = "hx-request" in request.headers
    values = {"actor": actor, "key": key, "flags": flags, "flag_count": count, "offset": offset}
    values["page"] = shown_posts(console, actor)
    return render(request, "more_posts.html" if part else "posts_page.html", values)


class DecisionForm(BaseModel):
    """The form of a decision; its values are checked by the rules of decisions, whose words a person can read."""

    state: str = ""
    verdict: str = ""
    ground: Words = ""
    policy: str = ""
    request_id: str = ""
    then: str = "next"


@router.post("/decide")
def decide(request: Request, key: Key, actor: Deciding, form: Annotated[DecisionForm, Form()]) -> Response:
    """Record a decision and lead to the next account; where it is refused, show the form again with the words."""
    console = console_of(request)
    request_id = form.request_id or secrets.token_urlsafe(16)
    proposed = AccountDecision(key, form.state, form.verdict, form.ground, request_id, policy=form.policy)
    try:
        decided = decide_account(console.engine, actor, proposed, console.now(), console.rules)
    except StaleAccount as error:
        return account_page(request, actor, key, {"stale": error.changes, "form": form}, status=409)
    except (ClaimedByOther, DecisionRefused, InvalidValue) as error:
        status, _ = status_of(error)
        return account_page(request, actor, key, {"refused": str(error), "form": form}, status=status)
    done = f"{'appeal' if actor.role == 'appeals' else decided.outcome}-{key}"
    return next_of_queue(console, actor, key, done) if form.then == "next" else to(f"/accounts/{key}", done)


@router.post("/withdraw")
def withdraw_form(request: Request, key: Key, actor: Deciding) -> Response:
    """Withdraw the own last decision and lead to the account."""
    console = console_of(request)
    withdraw(console.engine, actor, key, WITHDRAWN_GROUND, console.now())
    return to(f"/accounts/{key}", f"withdrawn-{key}")


@router.post("/skip")
def skip_form(request: Request, key: Key, actor: Reviewing, reason: Annotated[str, Form()] = "") -> Response:
    """Skip the account and lead to the next one."""
    console = console_of(request)
    skip(console.engine, actor, key, reason, console.now())
    return next_of_queue(console, actor, key, f"skipped-{key}")


@router.post("/hold")
def hold_form(
    request: Request,
    key: Key,
    actor: Reviewing,
    reason: Annotated[str, Form()] = "",
    hours: Annotated[int, Form()] = 0,
) -> Response:
    """Hold the account and lead to the next one."""
    console = console_of(request)
    hold(console.engine, actor, key, Hold(hours, reason), console.now())
    return next_of_queue(console, actor, key, f"held-{key}")


@router.post("/end-hold")
def end_hold_form(request: Request, key: Key, actor: Reviewing) -> Response:
    """Return the account to the queue."""
    console = console_of(request)
    end_hold(console.engine, actor, key, console.now())
    return to(f"/accounts/{key}", "")


@router.post("/release")
def release_form(request: Request, key: Key, actor: Reviewing) -> Response:
    """End the claim and lead to the queue."""
    console = console_of(request)
    release(console.engine, actor, key, console.now())
    return to("/queue", "")


def done_notice(console: Console, done: str) -> dict[str, Any] | None:
    """Return what the page before did, from its mark in the address; None for an unknown mark."""
    what, _, key = done.partition("-")
    if many := MANY.fullmatch(done):
        words, undo = MANY_DONE[many[1]]
        return {"words": words.format(count=many[3]), "many": many[2], "undo": undo}
    if what not in DONE or not KEY.fullmatch(key):
        return None
    with suppress(UnknownAccount):
        name, verdict = account_line(console.engine, key)
        words = DONE[what].format(verdict=VERDICT_WORDS.get(verdict or "", ""))
        name = "post without account" if name is None else name
        return {"words": words, "key": key, "account": name, "undo": what == "decided"}
    return None


def next_of_queue(console: Console, actor: Actor, key: str, done: str) -> Response:
    """Claim the next account after this one and lead to it, or to the queue."""
    following = claim_next(console.engine, actor, QueueFilter(view=own_view(actor)), console.now(), after=key)
    return to("/queue" if following is None else f"/accounts/{following}", done)


def to(path: str, done: str) -> Response:
    """Redirect after a form, with the mark of what it did."""
    return RedirectResponse(f"{path}?done={done}" if done else path, 303)


def _asked_for_here(request: Request) -> bool:
    """Return whether the person asked for the page: a request that another site causes claims no account."""
    return request.headers.get("sec-fetch-site", "none") in ("none", "same-origin")


def _claim_shown(found: Account, actor: Actor) -> Claimed | None:
    if found.claimed_by is None or found.claimed_until is None:
        return None
    return Claimed(found.claimed_by, found.claimed_until, own=found.claimed_by == actor.name)


def _waits(found: Account, actor: Actor) -> bool:
    """Return whether the account waits for a decision of the kind that the person makes."""
    if actor.role == "appeals":
        return any(appeal.decided_at is None for appeal in found.appeals)
    return actor.may(Action.REVIEW) and found.open_flags > 0


def account_page(request: Request, actor: Actor, key: str, more: dict[str, Any], *, status: int = 200) -> Response:
    """Return the page of an account; *more* are values of the template beside the usual ones."""
    console = console_of(request)
    now = console.now()
    others = open_account(console.engine, actor, key, now, only_renew=not _asked_for_here(request))
    found = read_account(console.engine, actor, key, now)
    threshold = found.flags[0].threshold if found.flags else 0.0
    why_not = refusal_before(found, actor)
    page = shown_posts(console, actor)
    values = {
        "actor": actor,
        "account": found,
        "claim": _claim_shown(found, actor),
        "others": others,
        "typing": typing_svg(plotted(console.features, found.values)),
        "page": page,
        "blurred": page.blurred,
        "explained": explain(found, console.certified, now),
        "timeline": timeline_svg(found.timeline, threshold),
        "neighbours": neighbour_svg(found.neighbourhood.neighbours),
        "waits": _waits(found, actor),
        "may_decide": why_not is None,
        "why_not": why_not,
        "verdicts": VERDICT_CHOICES,
        "hold_hours": HOLD_HOURS,
        "kind_words": KIND_WORDS,
        "posts_first": POSTS_FIRST,
        "max_note": MAX_NOTE_CHARS,
        "note_seen": note_state(found.note),
        "two_people": actor.role != "appeals"
        and console.rules.needs_second_person(found.followers)
        and not found.escalated_at,
        "templates": console.rules.templates,
        "policies": console.rules.policies,
        "request_id": secrets.token_urlsafe(16),
        "form": DecisionForm(),
        "done": None,
    }
    return render(request, "account.html", values | more, status=status)
