"""The routes of the API, version 1. Each names the action that it needs and calls a function of the rules of review."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from starlette.responses import Response

from connectors.reviewdb.audit_log import read_entries
from moderation.errors import InputError
from moderation.review import claims
from moderation.review.account_decisions import AccountDecision, DecidedAccount, decide_account, withdraw
from moderation.review.account_flags import LARGEST_OFFSET, flag_text, read_flags
from moderation.review.accounts import find_account, read_account
from moderation.review.api.answers import answer, nothing, problems
from moderation.review.api.models import (
    AccountView,
    AuditPage,
    FlagPage,
    FlagText,
    FoundAccount,
    HeldUntil,
    Me,
    Present,
    SentAppeal,
    SentAssignment,
    SentDecision,
    SentHold,
    SentNote,
    SentReason,
    SentWithdrawal,
)
from moderation.review.appeals import Appeal, NewAppeal, receive_appeal
from moderation.review.explanation import explain, refusal_before
from moderation.review.idempotency import MAX_KEY_CHARS
from moderation.review.notes import write_note
from moderation.review.passages import Passages
from moderation.review.passing_on import assign, escalate
from moderation.review.people import Person, list_people
from moderation.review.permissions import Action, Actor
from moderation.review.queue import MAX_LIMIT, QueueFilter, QueuePage, own_view, queue_page
from moderation.review.refusals import InvalidValue
from moderation.review.search import MAX_QUERY_CHARS, Found, search
from moderation.review.serving.console import console_of
from moderation.review.serving.identity import of_api

VERSION = "/api/v1"
router = APIRouter(prefix=VERSION, responses=problems())
Key = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="key of the account, from the queue")]
Reader = Annotated[Actor, Depends(of_api(Action.READ))]
Reviewing = Annotated[Actor, Depends(of_api(Action.REVIEW))]
Deciding = Annotated[Actor, Depends(of_api(Action.DECIDE))]
LARGEST = 2**63 - 1


class QueueQuery:
    """The filters of the queue; the view is that of the role unless it is named."""

    def __init__(self, view: str | None = None, family: str | None = None, min_risk: float | None = None) -> None:
        self.view, self.family, self.min_risk = view, family, min_risk

    def wanted(self, actor: Actor) -> QueueFilter:
        """Return the filter. Raises InvalidValue."""
        return QueueFilter(view=self.view or own_view(actor), family=self.family, min_risk=self.min_risk)


@router.get("/me", response_model=Me)
def me(actor: Reader) -> Response:
    """Return the person of the token, and what the person may do."""
    return answer(Me(actor.name, actor.role, tuple(action.value for action in Action if actor.may(action))))


@router.get("/queue", response_model=QueuePage)
def queue(
    request: Request,
    actor: Reader,
    asked: Annotated[QueueQuery, Depends()],
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """List accounts with open flags: highest risk first, then the longest wait."""
    console = console_of(request)
    return answer(queue_page(console.engine, actor, asked.wanted(actor), console.now(), limit=limit, cursor=cursor))


@router.post("/queue/next", response_model=FoundAccount, responses={204: {"description": "the queue is empty"}})
def next_account(request: Request, actor: Reviewing, asked: Annotated[QueueQuery, Depends()]) -> Response:
    """Claim the first account that no other person has claimed."""
    console = console_of(request)
    key = claims.claim_next(console.engine, actor, asked.wanted(actor), console.now())
    return nothing() if key is None else answer(FoundAccount(key))


@router.get("/accounts", response_model=FoundAccount, dependencies=[Depends(of_api(Action.READ))])
def find(
    request: Request,
    account_id: Annotated[str, Query(max_length=600)],
    platform_id: Annotated[str | None, Query(max_length=600)] = None,
) -> Response:
    """Return the key of the account with an id; the platform is that of the settings unless it is given."""
    console = console_of(request)
    key = find_account(console.engine, platform_id or console.platform_id, account_id)
    if key is None:
        raise claims.UnknownAccount("no account with this id has a flag; check account_id and platform_id")
    return answer(FoundAccount(key))


@router.get("/search", response_model=list[Found], dependencies=[Depends(of_api(Action.READ))])
def search_texts(request: Request, words: Annotated[str, Query(min_length=1, max_length=MAX_QUERY_CHARS)]) -> Response:
    """Return the accounts with this id, or whose kept texts contain all words: highest risk first, at most 100."""
    console = console_of(request)
    return answer(search(console.engine, console.platform_id, words))


@router.get("/accounts/{key}", response_model=AccountView)
def account(request: Request, key: Key, actor: Reader) -> Response:
    """Return an account with flags, texts, decisions and their explanation. This claims nothing."""
    console = console_of(request)
    now = console.now()
    found = read_account(console.engine, actor, key, now)
    return answer(AccountView(found, explain(found, console.certified, now), refusal_before(found, actor)))


@router.post("/accounts/{key}/claim", response_model=claims.Claimed)
def claim(request: Request, key: Key, actor: Reviewing) -> Response:
    """Claim an account for ten minutes, or renew the claim."""
    console = console_of(request)
    return answer(claims.claim(console.engine, actor, key, console.now()))


@router.delete("/accounts/{key}/claim", status_code=204)
def release(request: Request, key: Key, actor: Reviewing) -> Response:
    """End a claim; that of another person takes the role senior."""
    console = console_of(request)
    claims.release(console.engine, actor, key, console.now())
    return nothing()


@router.post("/accounts/{key}/visit", response_model=Present)
def visit(request: Request, key: Key, actor: Reader) -> Response:
    """Record that the account is open for a minute, and return who else has it open."""
    console = console_of(request)
    return answer(Present(claims.visit(console.engine, actor, key, console.now())))


@router.post("/accounts/{key}/decisions", status_code=201, response_model=DecidedAccount)
def decide(
    request: Request,
    key: Key,
    actor: Deciding,
    sent: SentDecision,
    idempotency_key: Annotated[str | None, Header(max_length=MAX_KEY_CHARS)] = None,
) -> Response:
    """Decide about all open flags of an account; where none is open, correct the decision.

    The same request with the same `Idempotency-Key` within a day is recorded once and gets the same response.
    """
    console = console_of(request)
    proposed = AccountDecision(key, sent.state, sent.verdict, sent.ground, idempotency_key, policy=sent.policy)
    return answer(decide_account(console.engine, actor, proposed, console.now(), console.rules), 201)


@router.post("/accounts/{key}/withdrawals", status_code=201, response_model=DecidedAccount)
def withdraw_decision(request: Request, key: Key, actor: Deciding, sent: SentWithdrawal) -> Response:
    """Withdraw the own last decision, at most an hour after it; its flags are open again."""
    if not sent.ground.strip():
        raise InvalidValue("the ground is empty; write why the decision is withdrawn")
    console = console_of(request)
    return answer(withdraw(console.engine, actor, key, sent.ground, console.now()), 201)


@router.post("/accounts/{key}/appeals", status_code=201, response_model=Appeal)
def receive(
    request: Request, key: Key, actor: Annotated[Actor, Depends(of_api(Action.RECEIVE_APPEAL))], sent: SentAppeal
) -> Response:
    """Record the appeal of an author. It is due in 48 hours, and a person who has not decided before decides it."""
    console = console_of(request)
    new = NewAppeal(key, sent.kind, sent.statement)
    return answer(receive_appeal(console.engine, actor, new, console.now()), 201)


@router.post("/accounts/{key}/skip", status_code=204)
def skip(request: Request, key: Key, actor: Reviewing, sent: SentReason) -> Response:
    """Take an account out of the own queue for good."""
    console = console_of(request)
    claims.skip(console.engine, actor, key, sent.reason, console.now())
    return nothing()


@router.put("/accounts/{key}/hold", response_model=HeldUntil)
def hold(request: Request, key: Key, actor: Reviewing, sent: SentHold) -> Response:
    """Take an account out of the queue for some hours."""
    console = console_of(request)
    wanted = claims.Hold(sent.hours, sent.reason)
    return answer(HeldUntil(claims.hold(console.engine, actor, key, wanted, console.now())))


@router.delete("/accounts/{key}/hold", status_code=204)
def end_hold(request: Request, key: Key, actor: Reviewing) -> Response:
    """Return a held account to the queue; the hold of another person takes the role senior."""
    console = console_of(request)
    claims.end_hold(console.engine, actor, key, console.now())
    return nothing()


@router.post("/accounts/{key}/escalation", status_code=204)
def escalation(request: Request, key: Key, actor: Reviewing, sent: SentReason) -> Response:
    """Ask a senior to decide about an account."""
    console = console_of(request)
    escalate(console.engine, actor, key, sent.reason, console.now())
    return nothing()


@router.put("/accounts/{key}/assignment", status_code=204)
def assignment(
    request: Request, key: Key, actor: Annotated[Actor, Depends(of_api(Action.RELEASE))], sent: SentAssignment
) -> Response:
    """Assign an account to a person, or return it to the queue where the name is empty."""
    console = console_of(request)
    assign(console.engine, actor, key, sent.to, console.now())
    return nothing()


@router.put("/accounts/{key}/note", status_code=204)
def note(request: Request, key: Key, actor: Reviewing, sent: SentNote) -> Response:
    """Replace the note of an account; an empty text removes it."""
    console = console_of(request)
    write_note(console.engine, actor, key, sent.text, console.now())
    return nothing()


@router.get("/accounts/{key}/flags", response_model=FlagPage, dependencies=[Depends(of_api(Action.READ))])
def flags(request: Request, key: Key, offset: Annotated[int, Query(ge=0, le=LARGEST_OFFSET)] = 0) -> Response:
    """Return flags of an account: open ones first, then by risk. `next_offset` continues after them."""
    found, count = read_flags(console_of(request).engine, key, offset)
    following = offset + len(found)
    return answer(FlagPage(found, count, following if following < count else None))


@router.get("/flags/{flag_id}/text", response_model=FlagText, dependencies=[Depends(of_api(Action.READ))])
def text(request: Request, flag_id: Annotated[int, Path(ge=1, le=LARGEST)]) -> Response:
    """Return the complete text of a flag, until it expires."""
    return answer(FlagText(*flag_text(console_of(request).engine, flag_id)))


@router.get("/flags/{flag_id}/passages", response_model=Passages, dependencies=[Depends(of_api(Action.READ))])
def passages(request: Request, flag_id: Annotated[int, Path(ge=1, le=LARGEST)]) -> Response:
    """Return which passages of a flag's text its score depends on, as offsets in the text, for its beginning."""
    console = console_of(request)
    if console.passages is None:
        raise InputError("console.passages is off, so this console does not load a detector")
    return answer(console.passages.find(flag_text(console.engine, flag_id)[1]))


@router.get("/audit", response_model=AuditPage, dependencies=[Depends(of_api(Action.READ_AUDIT))])
def audit(
    request: Request,
    before: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """Return entries of the audit log, newest first."""
    found = read_entries(console_of(request).engine, limit=limit, before_id=before)
    more = found[-1]["id"] if len(found) == limit and found[-1]["id"] > 1 else None
    return answer(AuditPage(found, more))


@router.get("/people", response_model=list[Person], dependencies=[Depends(of_api(Action.MANAGE_PEOPLE))])
def people(request: Request) -> Response:
    """List all people."""
    return answer(list_people(console_of(request).engine))
