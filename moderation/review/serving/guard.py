"""Protects every request and response: host, origin, size of the body, and headers for browsers."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moderation.review.serving.console import Console
from moderation.review.serving.problems import problem_response

MAX_BODY_BYTES = 262_144
"""The longest ground takes 90 kB as a form sends it, because a character can become nine bytes."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FOR_MONITORING = frozenset({"/healthz", "/api/v1/metrics"})
"""Read under the address of a machine or a pod; the second needs a token, which browsers do not attach."""
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-frame-options": "DENY",
}
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Guard:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self._app = app
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what is not permitted; pass on the rest with its body read and its response protected."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(18)
        scope.setdefault("state", {})["nonce"] = nonce
        sending = _protected(send, nonce)
        request = Request(scope)
        refusal = self._refusal(request)
        body = b""
        if refusal is None:
            try:
                body = await _read(receive, request.headers)
            except _Disconnected:
                return
            except _BodyRefused as error:
                refusal = error.args[0]
        if refusal is not None:
            await problem_response(request, *refusal)(scope, receive, sending)
            return
        scope["state"]["body"] = body
        await self._app(scope, _replayed(body, receive), sending)

    def _refusal(self, request: Request) -> tuple[int, str, str] | None:
        host = request.headers.get("host", "")
        if not self._known_host(host) and request.url.path not in FOR_MONITORING:
            return 421, "unknown-host", f"this console is not served at {host[:80]!r}; set console.public_url"
        if request.method in SAFE_METHODS or _with_token_only(request, self._console.cookie):
            return None
        site = request.headers.get("sec-fetch-site")
        origin = request.headers.get("origin")
        if site not in (None, "same-origin") or (site is None and origin is None):
            return 403, "cross-site", "the request does not come from a page of this console"
        if origin is not None and origin != self._own_origin(request):
            return 403, "cross-site", "the request comes from a page of another site"
        return None

    def _known_host(self, host: str) -> bool:
        if self._console.settings.public_url:
            return host.lower() == urlsplit(self._console.settings.public_url).netloc.lower()
        try:
            return urlsplit(f"//{host}").hostname in LOCAL_HOSTS
        except ValueError:
            return False

    def _own_origin(self, request: Request) -> str:
        return self._console.settings.public_url or f"http://{request.headers.get('host', '')}"


def _with_token_only(request: Request, cookie: str) -> bool:
    """Return whether a token authorises the request: a browser does not attach one to a request of another site."""
    return "authorization" in request.headers and cookie not in request.cookies and request.url.path.startswith("/api/")


def _protected(send: Send, nonce: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("content-security-policy", POLICY.format(nonce=nonce))
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sending


class _Disconnected(Exception):
    """The client closed the connection before the body was complete."""


class _BodyRefused(Exception):
    """The body cannot be used; the argument is the status, the type and the detail of the response."""


TOO_LARGE = (413, "body-too-large", f"the body of a request may have at most {MAX_BODY_BYTES} bytes; send less")
INCOMPLETE = (400, "body-incomplete", "the body does not have the length of its Content-Length; send the request again")


async def _read(receive: Receive, headers: Headers) -> bytes:
    """Return the complete body. Raises _Disconnected and _BodyRefused: a part of a body is never processed."""
    declared = headers.get("content-length")
    if declared is not None and (not declared.isdecimal() or len(declared) > 20 or int(declared) > MAX_BODY_BYTES):
        raise _BodyRefused(TOO_LARGE)
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        body += bytes(message.get("body", b""))
        if len(body) > MAX_BODY_BYTES:
            raise _BodyRefused(TOO_LARGE)
        if not message.get("more_body", False):
            break
    if declared is not None and len(body) != int(declared):
        raise _BodyRefused(INCOMPLETE)
    return body


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving
