"""Renders templates. Untrusted text is escaped, and characters that act invisibly are shown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from moderation.review.linked import LinkedAccount
from moderation.text.terminal import runs

STATIC = Path(__file__).parent / "static"
VERDICT_WORDS = {
    "open": "open",
    "confirmed": "confirmed",
    "not_a_violation": "not a violation",
    "uncertain": "cannot tell",
    "withdrawn": "withdrawn",
}


def render(request: Request, template: str, values: Mapping[str, Any], *, status: int = 200) -> Response:
    """Return a page; lone surrogates, which UTF-8 cannot encode, become their escapes."""
    nonce = request.scope.get("state", {}).get("nonce", "")
    page = _environment().get_template(template).render(values, nonce=nonce, path=request.url.path)
    return HTMLResponse(page.encode("utf-8", "backslashreplace"), status)


def shown(text: str | None) -> Markup:
    """Return untrusted text as HTML: characters that act invisibly are marked with their code point."""
    if text is None or (text.isascii() and text.isprintable()):
        return escape(text or "")  # what most values of a page are
    pieces = []
    for piece, acts in runs(text):
        if acts:
            codes = " ".join(f"U+{ord(sign):04X}" for sign in piece)
            pieces.append(Markup('<span class="unseen" title="invisible character">{}</span>').format(codes))
        else:
            pieces.append(escape(piece))
    return Markup("").join(pieces)


def risk(value: float | None) -> str:
    """Return a risk with four decimals, and never 1.0000 for less than 1."""
    if value is None:
        return "–"
    return f"{min(value, 0.9999) if value < 1 else value:.4f}"


def ago(moment: datetime, now: datetime) -> str:
    """Return the time between two moments in one unit."""
    seconds = max(0, int((now - moment).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def utc(moment: datetime | None) -> str:
    """Return a time in UTC to the minute."""
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def duration(seconds: float) -> str:
    """Return a time in seconds, or in minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def link_words(linked: LinkedAccount) -> str:
    """Return how an account is linked with another one."""
    words = ["same text"] if linked.same_text else []
    if linked.similarity is not None and not linked.same_text:
        words.append(f"similar text ({linked.similarity:.0%} of word triples)")
    if linked.same_address:
        words.append("same address")
    return ", ".join(words)


def static_url(name: str) -> str:
    """Return the address of a static file, which changes with its content."""
    return f"/static/{name}?{_version(name)}"


def query(values: Mapping[str, Any], **changes: Any) -> str:
    """Return a query string of the values that are set, with changes."""
    return urlencode({name: value for name, value in {**values, **changes}.items() if value not in (None, "")})


@cache
def _version(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("moderation.review.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(shown=shown, risk=risk, ago=ago, utc=utc, link_words=link_words, duration=duration)
    environment.globals.update(static_url=static_url, query=query, verdict_words=VERDICT_WORDS)
    return environment
