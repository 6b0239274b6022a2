"""The blind queue of the audit sample, and the page of the quality of verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Request
from starlette.responses import RedirectResponse, Response

from moderation.review.blind_review import BlindVerdict, give_verdict, given_verdict, make_golden, next_item
from moderation.review.day_chart import day_svg
from moderation.review.decisions import DecisionRefused
from moderation.review.drift import LARGE_DRIFT, score_drift
from moderation.review.pages.account_pages import KEY, VERDICT_CHOICES
from moderation.review.pages.rendering import render
from moderation.review.permissions import Action, Actor
from moderation.review.quality_report import PERIOD, quality
from moderation.review.refusals import InvalidValue
from moderation.review.serving.console import Console, console_of
from moderation.review.serving.identity import of_page
from moderation.review.serving.problems import status_of
from moderation.review.steering import steering
from moderation.review.threshold_guard import end_raise, raises
from moderation.review.value_plot import plotted, typing_svg
from moderation.risk.certificate import one_in

router = APIRouter()
Item = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Reviewing = Annotated[Actor, Depends(of_page(Action.REVIEW))]
Releasing = Annotated[Actor, Depends(of_page(Action.RELEASE))]


@router.get("/blind")
def blind(request: Request, actor: Reviewing, judged: str = "") -> Response:
    """Show the next post of the audit sample without its score, and what the model found about the one before."""
    return _blind_page(request, actor, judged=judged)


@router.post("/blind/{item}")
def verdict(
    request: Request,
    item: Item,
    actor: Reviewing,
    verdict: Annotated[str, Form()] = "",
    policy: Annotated[str, Form()] = "",
    opened_at: Annotated[datetime | None, Form()] = None,
) -> Response:
    """Store a verdict and lead to the next post, where a reload sends no verdict again."""
    console = console_of(request)
    opened = opened_at if opened_at is not None and opened_at.tzinfo is not None else None
    try:
        given = BlindVerdict(item, verdict, console.rules.policy_of(verdict, policy), opened)
        give_verdict(console.engine, actor, given, console.now(), most_wrong=console.most_wrong_share)
    except (InvalidValue, DecisionRefused) as error:
        refused = _Refused(item, verdict, policy, opened, str(error))
        return _blind_page(request, actor, refused=refused, status=status_of(error)[0])
    return RedirectResponse(f"/blind?judged={item}", 303)


@router.post("/blind/{item}/golden")
def golden(request: Request, item: Item, actor: Releasing, verdict: Annotated[str, Form()] = "") -> Response:
    """Make a post of the sample a golden item."""
    console = console_of(request)
    make_golden(console.engine, actor, item, verdict, console.now())
    return RedirectResponse("/blind", 303)


@router.get("/quality")
def quality_page(request: Request, actor: Annotated[Actor, Depends(of_page(Action.READ))]) -> Response:
    """Show agreement, error rates and times."""
    console = console_of(request)
    found = quality(console.engine, actor, console.now(), console.recent)
    return render(request, "quality.html", {"actor": actor, "quality": found, "days": PERIOD.days, "one_in": one_in})


@router.get("/steering")
def steering_page(request: Request, actor: Annotated[Actor, Depends(of_page(Action.READ))]) -> Response:
    """Show what thresholds leave in the queue, error rates of groups, and workload."""
    console = console_of(request)
    now = console.now()
    raised = raises(console.engine, actor)
    limits = (console.threshold_in_use(raised), console.settings.sla_hours)
    found = steering(console.engine, actor, now, *limits, console.recent)
    values = {"actor": actor, "steering": found, "chart": day_svg(found.days), "now": now}
    drift = console.recent.get("drift", now, lambda: score_drift(console.engine, now))
    return render(request, "steering.html", values | {"raises": raised, "drift": drift, "large": LARGE_DRIFT})


@router.post("/steering/raises/{number}/end")
def lower(request: Request, number: Number, actor: Releasing, reason: Annotated[str, Form()] = "") -> Response:
    """End a raise of the threshold."""
    console = console_of(request)
    end_raise(console.engine, actor, number, reason, console.now())
    return RedirectResponse("/steering#raises", 303)


@dataclass(frozen=True)
class _Refused:
    """What a person sent about a post, and why it was refused."""

    item: str
    verdict: str
    policy: str
    opened_at: datetime | None
    reason: str


def _blind_page(
    request: Request, actor: Actor, *, judged: str = "", refused: _Refused | None = None, status: int = 200
) -> Response:
    console: Console = console_of(request)
    item = next_item(console.engine, actor, console.now())
    kept = refused if refused is not None and item is not None and refused.item == item.item else None
    opened_at = console.now() if kept is None or kept.opened_at is None else kept.opened_at
    blur = actor.preferences.blur
    values: dict[str, Any] = {
        "actor": actor,
        "item": item,
        "result": given_verdict(console.engine, actor, judged) if KEY.fullmatch(judged) else None,
        "refused": "" if refused is None else refused.reason,
        "typing": typing_svg(plotted(console.features, item.values)) if item is not None else "",
        "verdicts": VERDICT_CHOICES,
        "policies": console.rules.policies,
        "chosen_policy": "" if kept is None else kept.policy,
        "chosen_verdict": "" if kept is None else kept.verdict,
        "opened_at": opened_at.isoformat(),
        "blurred": console.settings.blur_texts if blur is None else blur,
    }
    return render(request, "blind.html", values, status=status)
