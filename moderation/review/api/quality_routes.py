"""The routes of the blind queue and of the quality of verdicts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from moderation.review.api.answers import answer, nothing, problems
from moderation.review.api.models import SentBlindVerdict, SentGolden, SentReason
from moderation.review.blind_review import BlindItem, BlindResult, BlindVerdict, give_verdict, make_golden, next_item
from moderation.review.drift import Drift, score_drift
from moderation.review.permissions import Action, Actor
from moderation.review.quality_report import Quality, quality
from moderation.review.serving.console import console_of
from moderation.review.serving.identity import of_api
from moderation.review.steering import Steering, steering
from moderation.review.threshold_guard import ThresholdRaise, end_raise, raises

router = APIRouter(prefix="/api/v1", responses=problems())
Item = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="the post, from the blind queue")]
Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="`id` of the raise")]
Reviewing = Annotated[Actor, Depends(of_api(Action.REVIEW))]


@router.get("/blind/next", response_model=BlindItem, responses={204: {"description": "no post waits"}})
def following(request: Request, actor: Reviewing) -> Response:
    """Return the next post of the audit sample without score, reasons and earlier verdicts."""
    console = console_of(request)
    found = next_item(console.engine, actor, console.now())
    return nothing() if found is None else answer(found)


@router.post("/blind/{item}/verdicts", status_code=201, response_model=BlindResult)
def verdict(request: Request, item: Item, actor: Reviewing, sent: SentBlindVerdict) -> Response:
    """Store a verdict about a post, and return what the model found."""
    console = console_of(request)
    given = BlindVerdict(item, sent.verdict, console.rules.policy_of(sent.verdict, sent.policy))
    return answer(give_verdict(console.engine, actor, given, console.now(), most_wrong=console.most_wrong_share), 201)


@router.put("/golden/{item}", status_code=204)
def golden(
    request: Request, item: Item, actor: Annotated[Actor, Depends(of_api(Action.RELEASE))], sent: SentGolden
) -> Response:
    """Make a post of the sample a golden item with the verdict that was agreed on."""
    console = console_of(request)
    make_golden(console.engine, actor, item, sent.verdict, console.now())
    return nothing()


@router.get("/quality", response_model=Quality)
def figures(request: Request, actor: Annotated[Actor, Depends(of_api(Action.READ))]) -> Response:
    """Return agreement, error rates from blind verdicts, overturned decisions and times of the last 90 days."""
    console = console_of(request)
    return answer(quality(console.engine, actor, console.now(), console.recent))


@router.get("/threshold/raises", response_model=list[ThresholdRaise])
def raised(request: Request, actor: Annotated[Actor, Depends(of_api(Action.READ))]) -> Response:
    """Return when the threshold of a risk bundle was raised, the latest first."""
    return answer(raises(console_of(request).engine, actor))


@router.post("/threshold/raises/{number}/end", status_code=204)
def lower(
    request: Request, number: Number, actor: Annotated[Actor, Depends(of_api(Action.RELEASE))], sent: SentReason
) -> Response:
    """End a raise; the threshold is then that of the bundle, or of the other raises that are in force."""
    console = console_of(request)
    end_raise(console.engine, actor, number, sent.reason, console.now())
    return nothing()


@router.get("/drift", response_model=list[Drift])
def drift(request: Request, _actor: Annotated[Actor, Depends(of_api(Action.READ))]) -> Response:
    """Return how far text scores of this week are from those of the weeks before, by stratum of the audit sample."""
    console, now = console_of(request), console_of(request).now()
    return answer(console.recent.get("drift", now, lambda: score_drift(console.engine, now)))


@router.get("/steering", response_model=Steering)
def organise(request: Request, actor: Annotated[Actor, Depends(of_api(Action.READ))]) -> Response:
    """Return what thresholds leave in the queue, error rates of groups, and workload."""
    console = console_of(request)
    limits = (console.threshold_in_use(raises(console.engine, actor)), console.settings.sla_hours)
    return answer(steering(console.engine, actor, console.now(), *limits, console.recent))
