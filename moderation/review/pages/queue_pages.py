"""The pages of the queue, the audit log and the people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from connectors.reviewdb.audit_log import read_entries
from moderation.review.accounts import find_account
from moderation.review.claims import claim_next
from moderation.review.pages.rendering import query, render
from moderation.review.people import list_people
from moderation.review.permissions import Action, Actor
from moderation.review.queue import COUNTED, VIEWS, QueueFilter, own_view, queue_count, queue_page
from moderation.review.saved_filters import MAX_NAME_CHARS, remove_filter, save_filter
from moderation.review.search import search
from moderation.review.serving.console import console_of
from moderation.review.serving.identity import of_page
from moderation.review.threshold_guard import raises
from moderation.risk.gate import FAMILIES

router = APIRouter()
PAGE_ROWS = 50
AUDIT_ROWS = 100


@dataclass(frozen=True)
class QueueQuery:
    """The filters in the address of the queue; empty values are none."""

    view: str = ""
    family: str = ""
    min_risk: str = ""

    def wanted(self, actor: Actor) -> QueueFilter:
        """Return the filter; the view is that of the role unless it is named. Raises InvalidValue."""
        try:
            risk = float(self.min_risk) if self.min_risk else None
        except ValueError:
            risk = -1.0  # refused by the filter, with the permitted range
        return QueueFilter(view=self.view or own_view(actor), min_risk=risk, family=self.family or None)


def filters_of(wanted: QueueFilter) -> dict[str, Any]:
    """Return a filter as values of an address."""
    return {name: value for name, value in asdict(wanted).items() if name != "platform_id"}


@router.get("/queue")
def queue(
    request: Request,
    actor: Annotated[Actor, Depends(of_page(Action.READ))],
    asked: Annotated[QueueQuery, Depends()],
    cursor: str | None = None,
    done: str = "",
) -> Response:
    """Show the queue with its filters."""
    from moderation.review.pages.account_pages import done_notice

    console = console_of(request)
    values = _rows(request, actor, asked, cursor)
    count = queue_count(console.engine, actor, asked.wanted(actor), console.now())
    values |= {
        "count": f"{COUNTED:,}+" if count > COUNTED else str(count),
        "views": VIEWS,
        "families": FAMILIES,
        "max_name": MAX_NAME_CHARS,
        "done": done_notice(console, done),
        "raised": next((one for one in raises(console.engine, actor) if one.ended_at is None), None),
    }
    return render(request, "queue.html", values)


@router.get("/queue/rows")
def queue_rows(
    request: Request,
    actor: Annotated[Actor, Depends(of_page(Action.READ))],
    asked: Annotated[QueueQuery, Depends()],
    cursor: str | None = None,
) -> Response:
    """Return the rows only, with which an open page refreshes itself."""
    return render(request, "queue_rows.html", _rows(request, actor, asked, cursor))


@router.post("/queue/filters")
def save(
    request: Request,
    actor: Annotated[Actor, Depends(of_page(Action.READ))],
    asked: Annotated[QueueQuery, Depends()],
    name: Annotated[str, Form()] = "",
) -> Response:
    """Save the filter in the address under a name."""
    wanted = asked.wanted(actor)
    save_filter(console_of(request).engine, actor, name, wanted)
    return RedirectResponse(f"/queue?{query(filters_of(wanted))}", 303)


@router.post("/queue/filters/remove")
def remove(
    request: Request, actor: Annotated[Actor, Depends(of_page(Action.READ))], name: Annotated[str, Form()] = ""
) -> Response:
    """Remove a saved filter."""
    remove_filter(console_of(request).engine, actor, name)
    return RedirectResponse("/queue", 303)


@router.post("/queue/next")
def next_account(
    request: Request,
    actor: Annotated[Actor, Depends(of_page(Action.REVIEW))],
    asked: Annotated[QueueQuery, Depends()],
) -> Response:
    """Claim the next account and lead to it: of the accounts that wait for a senior where a senior looks at these."""
    console = console_of(request)
    view = asked.view if asked.view == "escalated" and actor.may(Action.RELEASE) else ""
    key = claim_next(console.engine, actor, QueueQuery(view, asked.family, asked.min_risk).wanted(actor), console.now())
    return RedirectResponse("/queue?done=end" if key is None else f"/accounts/{key}", 303)


@router.get("/find")
def find(
    request: Request,
    actor: Annotated[Actor, Depends(of_page(Action.READ))],
    account: Annotated[str, Query(max_length=600)],
) -> Response:
    """Lead to the account with this id, or list the accounts whose texts contain the words."""
    console = console_of(request)
    key = find_account(console.engine, console.platform_id, account)
    if key is not None:
        return RedirectResponse(f"/accounts/{key}", 303)
    found = search(console.engine, console.platform_id, account)
    blur = actor.preferences.blur
    values = {
        "actor": actor,
        "found": found,
        "words": account,
        "platform_id": console.platform_id,
        "blurred": console.settings.blur_texts if blur is None else blur,
    }
    return render(request, "found.html", values, status=200 if found else 404)


@router.get("/audit")
def audit(
    request: Request,
    actor: Annotated[Actor, Depends(of_page(Action.READ_AUDIT))],
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> Response:
    """Show the audit log, newest first."""
    found = read_entries(console_of(request).engine, limit=AUDIT_ROWS, before_id=before)
    more = found[-1]["id"] if len(found) == AUDIT_ROWS and found[-1]["id"] > 1 else None
    return render(request, "audit.html", {"actor": actor, "entries": found, "next_before": more})


@router.get("/people")
def people(request: Request, actor: Annotated[Actor, Depends(of_page(Action.MANAGE_PEOPLE))]) -> Response:
    """List the people."""
    return render(request, "people.html", {"actor": actor, "people": list_people(console_of(request).engine)})


def _rows(request: Request, actor: Actor, asked: QueueQuery, cursor: str | None) -> dict[str, Any]:
    console = console_of(request)
    wanted, now = asked.wanted(actor), console.now()
    page = queue_page(console.engine, actor, wanted, now, limit=PAGE_ROWS, cursor=cursor)
    values = {"actor": actor, "page": page, "filters": filters_of(wanted), "cursor": cursor, "now": now, "query": query}
    return values | {"sla_hours": console.settings.sla_hours}
